/**
 * The state of Adam for one variable, and its update:
 *   m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,  x = x - size m / (sqrt(v) + epsilon)
 * On native TensorFlow one fused, threaded kernel makes all three in one pass over memory; elsewhere they are
 * spelled out.
 */
import { isNative, nativeOp, tf } from '../../backend/index.js';

/** The numbers of one step, with the bias corrections worked into `size` and `epsilon`. */
export interface AdamStep {
  beta1: number;
  beta2: number;
  size: number;
  epsilon: number;
}

export interface Moments {
  /** Updates the moments and the variable. */
  apply(variable: tf.Variable, gradient: tf.Tensor, step: AdamStep): void;
  /** Copies on the host. */
  read(): { m: Float32Array; v: Float32Array };
  write(m: tf.Tensor, v: tf.Tensor): void;
  dispose(): void;
}

/** Moments of zero for a variable of this shape. */
export function createMoments(shape: number[]): Moments {
  return isNative() ? new NativeMoments(shape) : new PlainMoments(shape);
}

class PlainMoments implements Moments {
  private readonly m: tf.Variable;
  private readonly v: tf.Variable;

  constructor(shape: number[]) {
    this.m = tf.tidy(() => tf.variable(tf.zeros(shape), false));
    this.v = tf.tidy(() => tf.variable(tf.zeros(shape), false));
  }

  apply(variable: tf.Variable, gradient: tf.Tensor, { beta1, beta2, size, epsilon }: AdamStep): void {
    const { m, v } = this;
    tf.tidy(() => {
      m.assign(tf.add(tf.mul(m, beta1), tf.mul(gradient, 1 - beta1)));
      v.assign(tf.add(tf.mul(v, beta2), tf.mul(tf.square(gradient), 1 - beta2)));
      variable.assign(tf.sub(variable, tf.mul(tf.div(m, tf.add(tf.sqrt(v), epsilon)), size)));
    });
  }

  read(): { m: Float32Array; v: Float32Array } {
    return { m: this.m.dataSync<'float32'>().slice(), v: this.v.dataSync<'float32'>().slice() };
  }

  write(m: tf.Tensor, v: tf.Tensor): void {
    this.m.assign(m);
    this.v.assign(v);
  }

  dispose(): void {
    tf.dispose([this.m, this.v]);
  }
}

const float = { dtype: { type: 'float32' } } as const;
let resources = 0;

/**
 * TensorFlow's own resource variables, which TensorFlow.js knows nothing of, hold the moments; a third one borrows
 * the memory of the tf.Variable during the update. Reading one and assigning to one share memory, they do not copy.
 */
class NativeMoments implements Moments {
  private readonly m: tf.Tensor;
  private readonly v: tf.Tensor;
  private readonly x: tf.Tensor;

  constructor(private readonly shape: number[]) {
    const handle = (): tf.Tensor =>
      tf.keep(
        nativeOp(
          'VarHandleOp',
          { ...float, shape: { shape }, shared_name: { string: `adam/${resources++}` } },
          [],
        )[0],
      );
    [this.m, this.v, this.x] = [handle(), handle(), handle()];
    tf.tidy(() => this.write(tf.zeros(shape), tf.zeros(shape)));
  }

  apply(variable: tf.Variable, gradient: tf.Tensor, { beta1, beta2, size, epsilon }: AdamStep): void {
    const { m, v, x } = this;
    tf.tidy(() => {
      this.assign(x, variable);
      // Powers of zero: the kernel's own bias corrections, in float32, are left out.
      const numbers = [0, 0, size, beta1, beta2, epsilon].map((number) => tf.scalar(number));
      nativeOp('ResourceApplyAdam', { T: { type: 'float32' } }, [x, m, v, ...numbers, gradient], 0);
      variable.assign(this.value(x));
      // Lets go of the variable's memory, which it would otherwise keep alive after the variable.
      this.assign(x, tf.zeros(this.shape.map(() => 1)));
    });
  }

  private assign(handle: tf.Tensor, value: tf.Tensor): void {
    nativeOp('AssignVariableOp', { ...float, validate_shape: { bool: false } }, [handle, value], 0);
  }

  private value(handle: tf.Tensor): tf.Tensor {
    return nativeOp('ReadVariableOp', float, [handle])[0];
  }

  read(): { m: Float32Array; v: Float32Array } {
    const read = (handle: tf.Tensor): Float32Array => {
      const value = this.value(handle);
      const data = value.dataSync<'float32'>().slice();
      value.dispose();
      return data;
    };
    return { m: read(this.m), v: read(this.v) };
  }

  write(m: tf.Tensor, v: tf.Tensor): void {
    this.assign(this.m, m);
    this.assign(this.v, v);
  }

  dispose(): void {
    for (const handle of [this.m, this.v, this.x]) {
      nativeOp('DestroyResourceOp', { ignore_lookup_error: { bool: true } }, [handle], 0);
      handle.dispose();
    }
  }
}
