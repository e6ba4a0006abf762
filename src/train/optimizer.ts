/** Adam (Kingma and Ba, 2015) and clipping by global norm, in PyTorch's arithmetic; nothing is read back. */
import { UserError } from '../core/index.js';
import { isNative, nativeOp, tf } from '../backend/index.js';
import type { StateDict } from '../models/index.js';
import { createMoments, type Moments } from './adam-moments.js';

export interface AdamOptions {
  learningRate: number;
  beta1: number;
  beta2: number;
  /** added outside the bias-corrected root: sqrt(v / (1 - beta2^t)) + epsilon */
  epsilon: number;
}

/** On native TensorFlow without writing the squares to memory. */
function sumOfSquares(x: tf.Tensor): tf.Tensor {
  if (!isNative()) return tf.sum(tf.square(x));
  return tf.mul(nativeOp('L2Loss', { T: { type: 'float32' } }, [x])[0], 2);
}

/**
 * Scales gradients as torch.nn.utils.clip_grad_norm_: by max / (norm + 1e-6), and never up. The result holds new
 * tensors; the given ones stay the caller's.
 */
export function clipByGlobalNorm(
  gradients: Map<string, tf.Tensor>,
  max: number,
): { gradients: Map<string, tf.Tensor>; norm: tf.Scalar } {
  const norm = tf.tidy(() => tf.sqrt(tf.addN([...gradients.values()].map(sumOfSquares))) as tf.Scalar);
  const scale = tf.tidy(() => tf.minimum(tf.div(max, tf.add(norm, 1e-6)), 1));
  const clipped = new Map([...gradients].map(([name, gradient]) => [name, tf.mul(gradient, scale)]));
  scale.dispose();
  return { gradients: clipped, norm };
}

export class Adam {
  /** steps taken */
  private steps = 0;
  private readonly moments = new Map<string, Moments>();

  constructor(
    private readonly variables: Map<string, tf.Variable>,
    readonly options: AdamOptions,
  ) {
    for (const [name, variable] of variables) this.moments.set(name, createMoments(variable.shape));
  }

  /** Updates every variable that has a gradient; the gradients stay the caller's. */
  step(gradients: Map<string, tf.Tensor>): void {
    const { learningRate, epsilon } = this.options;
    // As float32 will read them: 1 - 0.999 there and here would differ in the fifth digit.
    const beta1 = Math.fround(this.options.beta1);
    const beta2 = Math.fround(this.options.beta2);
    this.steps += 1;
    // lr m/(1 - b1^t) / (sqrt(v)/root + epsilon) = lr root/(1 - b1^t) m / (sqrt(v) + epsilon root)
    const root = Math.sqrt(1 - beta2 ** this.steps);
    const size = (learningRate * root) / (1 - beta1 ** this.steps);
    for (const [name, gradient] of gradients) {
      const variable = this.variables.get(name);
      if (!variable) throw new Error(`Adam was given a gradient of "${name}", which it does not train.`);
      this.moments.get(name)!.apply(variable, gradient, { beta1, beta2, size, epsilon: epsilon * root });
    }
  }

  /** Moments as `m.<name>` and `v.<name>`, in the variables' own layout, and the count of steps as `step`. */
  stateDict(): StateDict {
    const state: StateDict = new Map([['step', { shape: [1], data: Float32Array.of(this.steps) }]]);
    for (const [name, { shape }] of this.variables) {
      const { m, v } = this.moments.get(name)!.read();
      state.set(`m.${name}`, { shape: [...shape], data: m });
      state.set(`v.${name}`, { shape: [...shape], data: v });
    }
    return state;
  }

  /** Takes over everything, or nothing when an entry is missing or has another shape. */
  loadState(state: StateDict): void {
    const expected = new Map<string, number[]>([['step', [1]]]);
    for (const [name, { shape }] of this.variables) expected.set(`m.${name}`, shape).set(`v.${name}`, shape);
    for (const [name, shape] of expected) {
      const found = state.get(name)?.shape;
      if (found?.join() !== shape.join()) {
        throw new UserError(
          `The optimizer's "${name}" should be ${shape.join(' x ')} but is ${found ? found.join(' x ') : 'missing'}.`,
          { hint: 'Resume with the optimizer state that was saved with this model.' },
        );
      }
    }
    this.steps = state.get('step')!.data[0];
    for (const [name, { shape }] of this.variables) {
      // Copies: small arrays given to tf.tensor stay shared with it, and moments change in place.
      const tensorOf = (kind: string) => tf.tensor(state.get(`${kind}.${name}`)!.data.slice(), shape);
      tf.tidy(() => this.moments.get(name)!.write(tensorOf('m'), tensorOf('v')));
    }
  }

  dispose(): void {
    for (const moments of this.moments.values()) moments.dispose();
  }
}
