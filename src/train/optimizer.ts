/** Adam (Kingma and Ba, 2015) and clipping by global norm, in PyTorch's arithmetic; nothing is read back. */
import { UserError } from '../core/index.js';
import { tf } from '../backend/index.js';
import type { StateDict } from '../models/state.js';

export interface AdamOptions {
  learningRate: number;
  beta1: number;
  beta2: number;
  /** added outside the bias-corrected root: sqrt(v / (1 - beta2^t)) + epsilon */
  epsilon: number;
}

/**
 * Scales gradients as torch.nn.utils.clip_grad_norm_: by max / (norm + 1e-6), and never up. The result holds new
 * tensors; the given ones stay the caller's.
 */
export function clipByGlobalNorm(
  gradients: Map<string, tf.Tensor>,
  max: number,
): { gradients: Map<string, tf.Tensor>; norm: tf.Scalar } {
  const norm = tf.tidy(
    () =>
      tf.sqrt(tf.addN([...gradients.values()].map((gradient) => tf.sum(tf.square(gradient))))) as tf.Scalar,
  );
  const scale = tf.tidy(() => tf.minimum(tf.div(max, tf.add(norm, 1e-6)), 1));
  const clipped = new Map([...gradients].map(([name, gradient]) => [name, tf.mul(gradient, scale)]));
  scale.dispose();
  return { gradients: clipped, norm };
}

export class Adam {
  /** steps taken */
  private steps = 0;
  private readonly m = new Map<string, tf.Variable>();
  private readonly v = new Map<string, tf.Variable>();

  constructor(
    private readonly variables: Map<string, tf.Variable>,
    readonly options: AdamOptions,
  ) {
    for (const [name, variable] of variables) {
      this.m.set(
        name,
        tf.tidy(() => tf.variable(tf.zerosLike(variable), false)),
      );
      this.v.set(
        name,
        tf.tidy(() => tf.variable(tf.zerosLike(variable), false)),
      );
    }
  }

  /** Updates every variable that has a gradient; the gradients stay the caller's. */
  step(gradients: Map<string, tf.Tensor>): void {
    const { learningRate, beta1, beta2, epsilon } = this.options;
    this.steps += 1;
    const size = learningRate / (1 - beta1 ** this.steps);
    // size m / (sqrt(v) / root + epsilon) = size root m / (sqrt(v) + epsilon root)
    const root = Math.sqrt(1 - beta2 ** this.steps);
    for (const [name, gradient] of gradients) {
      const variable = this.variables.get(name)!;
      const m = this.m.get(name)!;
      const v = this.v.get(name)!;
      tf.tidy(() => {
        m.assign(tf.add(tf.mul(m, beta1), tf.mul(gradient, 1 - beta1)));
        v.assign(tf.add(tf.mul(v, beta2), tf.mul(tf.square(gradient), 1 - beta2)));
        const change = tf.div(m, tf.add(tf.sqrt(v), epsilon * root));
        variable.assign(tf.sub(variable, tf.mul(change, size * root)));
      });
    }
  }

  /** Moments as `m.<name>` and `v.<name>`, in the variables' own layout, and the count of steps as `step`. */
  stateDict(): StateDict {
    const state: StateDict = new Map([['step', { shape: [1], data: Float32Array.of(this.steps) }]]);
    for (const name of this.variables.keys()) {
      for (const [kind, moments] of Object.entries({ m: this.m, v: this.v })) {
        const moment = moments.get(name)!;
        state.set(`${kind}.${name}`, { shape: [...moment.shape], data: moment.dataSync<'float32'>() });
      }
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
      // Copies: small arrays given to tf.tensor stay shared with it.
      tf.tidy(() => this.m.get(name)!.assign(tf.tensor(state.get(`m.${name}`)!.data.slice(), shape)));
      tf.tidy(() => this.v.get(name)!.assign(tf.tensor(state.get(`v.${name}`)!.data.slice(), shape)));
    }
  }

  dispose(): void {
    for (const variable of [...this.m.values(), ...this.v.values()]) variable.dispose();
  }
}
