/**
 * The state of Adam for one variable, and its update:
 *   g = scale gradient + decay x,  m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,
 *   x = keep x - size m / (sqrt(v) + epsilon)
 * Our own kernel (native/adam.cc) makes all of that in one pass over memory, TensorFlow's the second line and the third;
 * on other backends they are spelled out.
 */
import { hasKernels, isNative, kernel, nativeOp, tf } from '../../backend/index.js';

/** The numbers of one step, with the bias corrections worked into `size` and `epsilon`. */
export interface AdamStep {
  beta1: number;
  beta2: number;
  size: number;
  epsilon: number;
  /** What the gradient is multiplied by. */
  scale: tf.Scalar | undefined;
  /** Of the variable: what it is multiplied by, and its share that counts as gradient. */
  keep: number;
  decay: number;
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
  if (hasKernels()) return new KernelMoments(shape);
  return isNative() ? new NativeMoments(shape) : new PlainMoments(shape);
}

/** The first line above; multiplies the variable by what it keeps. */
function prepare(variable: tf.Variable, gradient: tf.Tensor, { scale, keep, decay }: AdamStep): tf.Tensor {
  if (keep !== 1) variable.assign(tf.mul(variable, keep));
  const own = scale ? tf.mul(gradient, scale) : gradient;
  return decay === 0 ? own : tf.add(own, tf.mul(variable, decay));
}

class KernelMoments implements Moments {
  /** Changed in place, and nobody else's. */
  private m: tf.Tensor;
  private v: tf.Tensor;

  constructor(private readonly shape: number[]) {
    // Not tf.zeros, which would make them of arrays in JavaScript.
    [this.m, this.v] = tf.tidy(() => [tf.keep(tf.fill(shape, 0)), tf.keep(tf.fill(shape, 0))]);
  }

  apply(variable: tf.Variable, gradient: tf.Tensor, step: AdamStep): void {
    const { beta1, beta2, size, epsilon, keep, decay } = step;
    tf.tidy(() => {
      const numbers = tf.tensor1d([beta1, beta2, size, epsilon, keep, decay]);
      const scale = step.scale ?? tf.scalar(1);
      const [next] = kernel('Adam', [variable, this.m, this.v, gradient, scale, numbers], 1);
      variable.assign(tf.reshape(next, this.shape));
    });
  }

  read(): { m: Float32Array; v: Float32Array } {
    // Arrays of their own: these tensors were never made of one.
    return { m: this.m.dataSync<'float32'>(), v: this.v.dataSync<'float32'>() };
  }

  write(m: tf.Tensor, v: tf.Tensor): void {
    // Sums, as clones would share memory.
    const next = [tf.keep(tf.add(m, 0)), tf.keep(tf.add(v, 0))];
    this.dispose();
    [this.m, this.v] = next;
  }

  dispose(): void {
    tf.dispose([this.m, this.v]);
  }
}

class PlainMoments implements Moments {
  private readonly m: tf.Variable;
  private readonly v: tf.Variable;

  constructor(shape: number[]) {
    this.m = tf.tidy(() => tf.variable(tf.zeros(shape), false));
    this.v = tf.tidy(() => tf.variable(tf.zeros(shape), false));
  }

  apply(variable: tf.Variable, gradient: tf.Tensor, step: AdamStep): void {
    const { m, v } = this;
    const { beta1, beta2, size, epsilon } = step;
    tf.tidy(() => {
      const g = prepare(variable, gradient, step);
      m.assign(tf.add(tf.mul(m, beta1), tf.mul(g, 1 - beta1)));
      v.assign(tf.add(tf.mul(v, beta2), tf.mul(tf.square(g), 1 - beta2)));
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
    tf.tidy(() => this.write(tf.fill(shape, 0), tf.fill(shape, 0)));
  }

  apply(variable: tf.Variable, gradient: tf.Tensor, step: AdamStep): void {
    const { m, v, x } = this;
    const { beta1, beta2, size, epsilon } = step;
    tf.tidy(() => {
      const g = prepare(variable, gradient, step);
      this.assign(x, variable);
      // Powers of zero: the kernel's own bias corrections, in float32, are left out.
      const numbers = [0, 0, size, beta1, beta2, epsilon].map((number) => tf.scalar(number));
      nativeOp('ResourceApplyAdam', { T: { type: 'float32' } }, [x, m, v, ...numbers, g], 0);
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
