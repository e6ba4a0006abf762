/**
 * The exponential moving average of weights: a = d a + (1 - d) w after each step, and a = w after the first, as
 * torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn(d). What is averaged captions better and more evenly
 * than any step's own weights (Polyak and Juditsky, 1992).
 */
import { tf } from '../../backend/index.js';
import type { StateDict } from '../../models/index.js';
import { checkEntries, type Variables } from './optimizer.js';

export class WeightAverage {
  private readonly averages = new Map<string, tf.Variable>();

  constructor(
    private readonly variables: Variables,
    private readonly decay: number,
  ) {}

  /** After a step. */
  update(): void {
    const { decay } = this;
    for (const [name, variable] of this.variables) {
      const average = this.averages.get(name);
      tf.tidy(() => {
        if (!average) this.averages.set(name, tf.variable(tf.clone(variable as tf.Tensor), false));
        else average.assign(tf.add(average, tf.mul(tf.sub(variable, average), 1 - decay)));
      });
    }
  }

  /** Runs `work` with the averages in place of the weights. */
  async during<T>(work: () => T | Promise<T>): Promise<T> {
    this.swap();
    try {
      return await work();
    } finally {
      this.swap();
    }
  }

  private swap(): void {
    for (const [name, average] of this.averages) {
      const variable = this.variables.get(name)!;
      tf.tidy(() => {
        const own = tf.clone(variable as tf.Tensor);
        variable.assign(tf.clone(average as tf.Tensor));
        average.assign(own);
      });
    }
  }

  stateDict(): StateDict {
    return new Map(
      [...this.averages].map(([name, average]) => [
        name,
        { shape: [...average.shape], data: average.dataSync<'float32'>().slice() },
      ]),
    );
  }

  /** Takes over everything, or nothing. @throws UserError when an entry is missing or has another shape */
  loadState(state: StateDict): void {
    if (state.size === 0) return; // of a training before its first step
    checkEntries(state, new Map([...this.variables].map(([name, { shape }]) => [name, shape])));
    this.dispose();
    for (const [name, { shape, data }] of state) {
      this.averages.set(
        name,
        tf.tidy(() => tf.variable(tf.tensor(data.slice(), shape), false)),
      );
    }
  }

  dispose(): void {
    tf.dispose([...this.averages.values()]);
    this.averages.clear();
  }
}
