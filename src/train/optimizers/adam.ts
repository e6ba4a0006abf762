/**
 * Adam (Kingma and Ba, 2015) and AdamW (Loshchilov and Hutter, 2019), as torch.optim.Adam and torch.optim.AdamW. Nothing is
 * read back.
 */
import { tf } from '../../backend/index.js';
import type { StateDict } from '../../models/index.js';
import { createMoments, type Moments } from './adam-moments.js';
import type { Gradients } from './clipping.js';
import { checkEntries, type Optimizer, type Update, type Variables } from './optimizer.js';

export interface AdamOptions {
  beta1: number;
  beta2: number;
  /** added outside the bias-corrected root: sqrt(v / (1 - beta2^t)) + epsilon */
  epsilon: number;
  /** AdamW: weight decay takes its share off the weights themselves, and is no part of the gradient. */
  decoupled: boolean;
}

export class Adam implements Optimizer {
  /** steps taken */
  private steps = 0;
  private readonly moments = new Map<string, Moments>();

  constructor(
    private readonly variables: Variables,
    private readonly options: AdamOptions,
  ) {
    for (const [name, variable] of variables) this.moments.set(name, createMoments(variable.shape));
  }

  step(gradients: Gradients, updateOf: (name: string) => Update, scale?: tf.Scalar): void {
    const { epsilon, decoupled } = this.options;
    // As float32 will read them: 1 - 0.999 there and here would differ in the fifth digit.
    const beta1 = Math.fround(this.options.beta1);
    const beta2 = Math.fround(this.options.beta2);
    this.steps += 1;
    // lr m/(1 - b1^t) / (sqrt(v)/root + epsilon) = lr root/(1 - b1^t) m / (sqrt(v) + epsilon root)
    const root = Math.sqrt(1 - beta2 ** this.steps);
    const correction = root / (1 - beta1 ** this.steps);
    for (const [name, gradient] of gradients) {
      const variable = this.variables.get(name);
      if (!variable) throw new Error(`Adam was given a gradient of "${name}", which it does not train.`);
      const { learningRate, weightDecay } = updateOf(name);
      this.moments.get(name)!.apply(variable, gradient, {
        ...{ beta1, beta2, size: learningRate * correction, epsilon: epsilon * root, scale },
        keep: decoupled ? 1 - learningRate * weightDecay : 1,
        decay: decoupled ? 0 : weightDecay,
      });
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

  loadState(state: StateDict): void {
    const expected = new Map<string, number[]>([['step', [1]]]);
    for (const [name, { shape }] of this.variables) expected.set(`m.${name}`, shape).set(`v.${name}`, shape);
    checkEntries(state, expected);
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
