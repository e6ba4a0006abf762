/** Stochastic gradient descent with momentum, as torch.optim.SGD (dampening 0). */
import { tf } from '../../backend/index.js';
import type { StateDict } from '../../models/index.js';
import type { Gradients } from './clipping.js';
import { checkEntries, type Optimizer, type Update, type Variables } from './optimizer.js';

export interface SgdOptions {
  /** Share of the running direction that is kept; 0: none is remembered. */
  momentum: number;
  /** Looks ahead by the momentum (Nesterov). */
  nesterov: boolean;
}

export class Sgd implements Optimizer {
  /** Running directions b; zero before the first step, which gives PyTorch's first direction, g. */
  private readonly directions = new Map<string, tf.Variable>();

  constructor(
    private readonly variables: Variables,
    private readonly options: SgdOptions,
  ) {
    if (options.momentum === 0) return;
    for (const [name, { shape }] of variables) {
      this.directions.set(
        name,
        tf.tidy(() => tf.variable(tf.zeros(shape), false)),
      );
    }
  }

  step(gradients: Gradients, updateOf: (name: string) => Update, scale?: tf.Scalar): void {
    const { momentum, nesterov } = this.options;
    for (const [name, gradient] of gradients) {
      const { learningRate, weightDecay } = updateOf(name);
      const variable = this.variables.get(name)!;
      const direction = this.directions.get(name);
      tf.tidy(() => {
        let g = scale ? tf.mul(gradient, scale) : gradient;
        if (weightDecay !== 0) g = tf.add(g, tf.mul(variable, weightDecay));
        if (direction) {
          direction.assign(tf.add(tf.mul(direction, momentum), g));
          g = nesterov ? tf.add(g, tf.mul(direction, momentum)) : direction;
        }
        variable.assign(tf.sub(variable, tf.mul(g, learningRate)));
      });
    }
  }

  stateDict(): StateDict {
    return new Map(
      [...this.directions].map(([name, direction]) => [
        `b.${name}`,
        { shape: [...direction.shape], data: direction.dataSync<'float32'>().slice() },
      ]),
    );
  }

  loadState(state: StateDict): void {
    checkEntries(state, new Map([...this.directions].map(([name, { shape }]) => [`b.${name}`, shape])));
    for (const [name, direction] of this.directions) {
      // A copy: small arrays given to tf.tensor stay shared with it.
      tf.tidy(() => direction.assign(tf.tensor(state.get(`b.${name}`)!.data.slice(), direction.shape)));
    }
  }

  dispose(): void {
    tf.dispose([...this.directions.values()]);
  }
}
