/**
 * The weights that a training shows, validates and saves, where they are not those of its last step:
 * - the exponential moving average a = d a + (1 - d) w after each step, and a = w after the first, as
 *   torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn(d). It captions better and more evenly than any step's own
 *   weights (Polyak and Juditsky, 1992);
 * - a point on the line from the weights that the training started with, s + share (a - s): what was learnt, with less of
 *   what was learnt by heart (Wortsman et al. 2022).
 */
import { tf } from '../../backend/index.js';
import type { StateDict } from '../../models/index.js';
import { checkEntries, type Variables } from './optimizer.js';

type Copies = Map<string, tf.Variable>;

export class ShownWeights {
  private readonly averages: Copies = new Map();
  /** What the variables were at first, where that is needed. */
  private readonly start: Copies = new Map();

  /**
   * @param decay of the average; null: none, the weights themselves
   * @param share of the way from the variables as they are now, above 0 and at most 1
   */
  constructor(
    private readonly variables: Variables,
    private readonly decay: number | null,
    private readonly share = 1,
  ) {
    if (share === 1) return;
    for (const [name, variable] of variables) this.start.set(name, copyOf(variable));
  }

  /** After a step. */
  update(): void {
    const { decay } = this;
    if (decay === null) return;
    for (const [name, variable] of this.variables) {
      const average = this.averages.get(name);
      if (!average) this.averages.set(name, copyOf(variable));
      else {
        tf.tidy(() => average.assign(tf.add(average, tf.mul(tf.sub(variable, average), 1 - decay))));
      }
    }
  }

  /** Runs `work` with what is shown in place of the weights. */
  async during<T>(work: () => T | Promise<T>): Promise<T> {
    const own = new Map([...this.variables].map(([name, variable]) => [name, copyOf(variable)]));
    for (const [name, variable] of this.variables) {
      const learnt = this.averages.get(name) ?? own.get(name)!;
      const start = this.start.get(name);
      tf.tidy(() =>
        variable.assign(
          start ? tf.add(start, tf.mul(tf.sub(learnt, start), this.share)) : tf.clone(learnt as tf.Tensor),
        ),
      );
    }
    try {
      return await work();
    } finally {
      for (const [name, variable] of this.variables) {
        tf.tidy(() => variable.assign(tf.clone(own.get(name)! as tf.Tensor)));
      }
      tf.dispose([...own.values()]);
    }
  }

  /** `average.NAME` and `start.NAME`. */
  stateDict(): StateDict {
    const named = (prefix: string, copies: Copies) =>
      [...copies].map(([name, copy]) => {
        const entry = { shape: [...copy.shape], data: copy.dataSync<'float32'>().slice() };
        return [`${prefix}.${name}`, entry] as const;
      });
    return new Map([...named('average', this.averages), ...named('start', this.start)]);
  }

  /** Takes over everything, or nothing. @throws UserError when an entry is missing or has another shape */
  loadState(state: StateDict): void {
    const expected = new Map<string, number[]>();
    const averaged = [...state.keys()].some((name) => name.startsWith('average.')); // else before the first step
    for (const [name, { shape }] of this.variables) {
      if (averaged) expected.set(`average.${name}`, shape);
      if (this.share < 1) expected.set(`start.${name}`, shape);
    }
    checkEntries(state, expected);
    this.dispose();
    for (const [name, { shape }] of this.variables) {
      for (const [prefix, copies] of [
        ['average', this.averages],
        ['start', this.start],
      ] as const) {
        if (!expected.has(`${prefix}.${name}`)) continue;
        // A copy: small arrays given to tf.tensor stay shared with it.
        const data = state.get(`${prefix}.${name}`)!.data.slice();
        copies.set(
          name,
          tf.tidy(() => tf.variable(tf.tensor(data, shape), false)),
        );
      }
    }
  }

  dispose(): void {
    for (const copies of [this.averages, this.start]) {
      tf.dispose([...copies.values()]);
      copies.clear();
    }
  }
}

function copyOf(variable: tf.Variable): tf.Variable {
  return tf.tidy(() => tf.variable(tf.clone(variable as tf.Tensor), false));
}
