/** What moves weights along their gradients: Adam, AdamW, or SGD with momentum, in PyTorch's arithmetic. */
import type { tf } from '../../backend/index.js';
import type { TrainingConfig } from '../../config/index.js';
import { UserError } from '../../core/index.js';
import type { StateDict } from '../../models/index.js';
import { Adam } from './adam.js';
import type { Gradients } from './clipping.js';
import { Sgd } from './sgd.js';

/** How a variable is moved in one step. */
export interface Update {
  learningRate: number;
  /** Share of the variable itself that counts as gradient, or, decoupled, that is taken off by each step. */
  weightDecay: number;
}

export interface Optimizer {
  /**
   * Updates every variable that has a gradient; the gradients stay the caller's.
   * @param scale what they are multiplied by first
   */
  step(gradients: Gradients, updateOf: (name: string) => Update, scale?: tf.Scalar): void;
  /** What it remembers, in the variables' own layout. */
  stateDict(): StateDict;
  /** Takes over everything, or nothing. @throws UserError when an entry is missing or has another shape */
  loadState(state: StateDict): void;
  dispose(): void;
}

export type Variables = ReadonlyMap<string, tf.Variable>;

export function createOptimizer(variables: Variables, training: TrainingConfig): Optimizer {
  const { optimizer, beta1, beta2, epsilon, momentum, nesterov } = training;
  if (optimizer === 'sgd') return new Sgd(variables, { momentum, nesterov });
  return new Adam(variables, { beta1, beta2, epsilon, decoupled: optimizer === 'adamw' });
}

/** @throws UserError that names the first entry that is missing or has another shape */
export function checkEntries(state: StateDict, expected: ReadonlyMap<string, number[]>): void {
  for (const [name, shape] of expected) {
    const found = state.get(name)?.shape;
    if (found?.join() === shape.join()) continue;
    throw new UserError(
      `The optimizer's "${name}" should be ${shape.join(' x ')} but is ${found ? found.join(' x ') : 'missing'}.`,
      {
        hint: 'training.optimizer, momentum and averageDecay have to stay as they were when a training goes on',
      },
    );
  }
}
