/**
 * The named parameters of an encoder. Names, shapes and values outside are torchvision's; this is the one place
 * that turns PyTorch's layouts into TensorFlow's.
 */
import { Random, UserError } from '../../core/index.js';
import { tf } from '../../backend/index.js';
import type { StateDict, StateEntry } from '../state.js';

/**
 * conv: (O, I, H, W) -> (H, W, I, O); depthwise: (C, 1, H, W) -> (H, W, C, 1); linear: (out, in) -> (in, out);
 * vector: unchanged.
 */
export type Layout = 'conv' | 'depthwise' | 'linear' | 'vector';

const toTensorFlow: Record<Layout, number[] | null> = {
  conv: [2, 3, 1, 0],
  depthwise: [2, 3, 0, 1],
  linear: [1, 0],
  vector: null,
};
const toPyTorch: Record<Layout, number[] | null> = {
  conv: [3, 2, 0, 1],
  depthwise: [2, 3, 0, 1],
  linear: [1, 0],
  vector: null,
};

/** Initial values: a constant, or normal with a standard deviation. */
export type Initial = { constant: number } | { std: number };

interface Declared {
  layout: Layout;
  entry: StateEntry;
  /** Of parameters that are trained, and of statistics that are learnt. */
  variable?: tf.Variable;
}

/** Running statistics of a BatchNorm. */
export interface Statistic {
  value(): tf.Tensor;
  /** Moves it towards the batch's by a share of the way, where statistics are learnt. */
  blend(batch: tf.Tensor, share: number): void;
}

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);
const LISTED = 5;

function toLayout(data: Float32Array, shape: number[], layout: Layout): tf.Tensor {
  // A copy: small arrays given to tf.tensor stay shared with it.
  const tensor = tf.tensor(data.slice(), shape, 'float32');
  const order = toTensorFlow[layout];
  return order ? tf.transpose(tensor, order) : tensor;
}

export class EncoderParameters {
  private readonly declared = new Map<string, Declared>();
  private readonly problems: string[] = [];
  private readonly constants: tf.Tensor[] = [];
  /** Whether what is declared next is trained; the encoder sets it for each of its stages. */
  trainable = false;
  /** Whether trained BatchNorms now normalise by the batch's statistics and learn them. */
  normalisesByBatch = false;

  /**
   * @param state values; null draws initial ones from the seed
   * @param train which stages are trained; see `createEncoder`
   */
  constructor(
    private readonly model: string,
    private readonly state: StateDict | null,
    readonly train: string,
    private readonly seed: number,
  ) {}

  /**
   * Declares a parameter and returns a function that gives its value in TensorFlow's layout: the variable when it
   * is trained, otherwise a fresh tensor for use inside `tf.tidy`.
   */
  parameter(name: string, shape: number[], layout: Layout, initial: Initial): () => tf.Tensor {
    const entry = this.entry(name, shape, initial);
    const declared: Declared = { layout, entry };
    this.declared.set(name, declared);
    const value = () => toLayout(entry.data, shape, layout);
    if (!this.trainable) return () => tf.tidy(value);
    const variable = tf.tidy(() => tf.variable(value()));
    declared.variable = variable;
    return () => variable;
  }

  /** Statistics belong to the weights: they are learnt from random weights on, and stay as they are with given ones. */
  get learnsStatistics(): boolean {
    return this.state === null;
  }

  /** Declares a value that training leaves as it is. */
  buffer(name: string, shape: number[], constant: number): () => tf.Tensor {
    const entry = this.entry(name, shape, { constant });
    this.declared.set(name, { layout: 'vector', entry });
    return () => tf.tensor(entry.data.slice(), shape, 'float32');
  }

  /** Declares running statistics: a buffer, or a variable that no gradient changes. */
  statistic(name: string, shape: number[], constant: number): Statistic {
    const value = this.buffer(name, shape, constant);
    if (!this.trainable || !this.learnsStatistics) return { value, blend: () => {} };
    const variable = tf.tidy(() => tf.variable(value(), false));
    this.declared.get(name)!.variable = variable;
    return {
      value: () => variable,
      blend: (batch, share) =>
        tf.tidy(() => variable.assign(tf.add(tf.mul(variable, 1 - share), tf.mul(batch, share)))),
    };
  }

  /** True when the weights hold a parameter, or when all are drawn. */
  has(name: string): boolean {
    return this.state === null || this.state.has(name);
  }

  /** Keeps tensors until `dispose`. */
  keep<T extends tf.Tensor>(tensor: T): T {
    this.constants.push(tf.keep(tensor));
    return tensor;
  }

  private entry(name: string, shape: number[], initial: Initial): StateEntry {
    if (this.state === null) return this.draw(name, shape, initial);
    const found = this.state.get(name);
    // PyTorch's counter of batches is not used in any computation, and some files leave it out.
    const optional = name.endsWith('.num_batches_tracked');
    if (!found) {
      if (!optional) this.problems.push(`${name} (${shape.join(' x ')}) is missing`);
    } else if (found.shape.join() !== shape.join()) {
      this.problems.push(
        `${name} is ${found.shape.join(' x ') || 'a single number'}, expected ${shape.join(' x ')}`,
      );
    } else return found;
    return { shape, data: new Float32Array(size(shape)) };
  }

  private draw(name: string, shape: number[], initial: Initial): StateEntry {
    const data = new Float32Array(size(shape));
    if ('constant' in initial) data.fill(initial.constant);
    else {
      const random = Random.for(this.seed, name);
      for (let i = 0; i < data.length; i++) data[i] = random.normal() * initial.std;
    }
    return { shape, data };
  }

  /**
   * Call when everything is declared.
   * @throws UserError that names the parameters that are missing, misshapen or unknown
   */
  check(): void {
    for (const name of this.state?.keys() ?? []) {
      if (!this.declared.has(name)) this.problems.push(`${name} is not a parameter of ${this.model}`);
    }
    if (this.problems.length === 0) return;
    this.dispose();
    const more = this.problems.length - LISTED;
    throw new UserError(
      `the weights do not fit ${this.model}: ${this.problems.slice(0, LISTED).join('; ')}` +
        (more > 0 ? `; and ${more} more` : ''),
      { hint: "expected are the names and shapes of torchvision's model" },
    );
  }

  /** Those that gradients change. */
  variables(): Map<string, tf.Variable> {
    const all = new Map<string, tf.Variable>();
    for (const [name, { variable }] of this.declared) if (variable?.trainable) all.set(name, variable);
    return all;
  }

  /** All values under PyTorch's names, in PyTorch's layouts. */
  stateDict(): StateDict {
    const state: StateDict = new Map();
    for (const [name, { layout, entry, variable }] of this.declared) {
      if (!variable) state.set(name, entry);
      else {
        const order = toPyTorch[layout];
        // Not read inside tidy, which would look for tensors among millions of numbers.
        const value = order ? tf.transpose(variable, order) : tf.clone(variable as tf.Tensor);
        state.set(name, { shape: entry.shape, data: value.dataSync<'float32'>().slice() });
        value.dispose();
      }
    }
    return state;
  }

  /** Takes over the values of what training changes; all else stays. @throws UserError that names what is missing */
  loadState(state: StateDict): void {
    for (const [name, { layout, entry, variable }] of this.declared) {
      if (!variable) continue;
      const found = state.get(name);
      if (found?.shape.join() !== entry.shape.join()) {
        const what = found ? `is ${found.shape.join(' x ')}` : 'is missing';
        throw new UserError(`${name} of ${this.model} ${what}, expected ${entry.shape.join(' x ')}`);
      }
      tf.tidy(() => variable.assign(toLayout(found.data, entry.shape, layout)));
    }
  }

  dispose(): void {
    tf.dispose(this.constants);
    for (const { variable } of this.declared.values()) variable?.dispose();
  }
}
