/**
 * The named parameters of a decoder. Names, shapes and values outside are PyTorch's; in memory a linear layer lies
 * as (in, out), so that y = x W reads it in order, and the gates of an LSTM lie as i, f, o, g, so that the three
 * sigmoids are neighbours (PyTorch's order is i, f, g, o).
 */
import { Random, UserError } from '../../core/index.js';
import { tf } from '../../backend/index.js';
import type { StateDict, StateEntry } from '../state.js';
import type { DecoderConfig } from './types.js';

/** plain: as PyTorch; linear: transposed; gates: transposed, columns i, f, o, g; gateBias: i, f, o, g. */
export type Layout = 'plain' | 'linear' | 'gates' | 'gateBias';

export interface ParameterSpec {
  name: string;
  /** in PyTorch's layout */
  shape: number[];
  layout: Layout;
  /** initial values are uniform in +-bound */
  bound: number;
}

/** weight (out, in) and bias (out) of nn.Linear, initialised as there: uniform in +-1/sqrt(in). */
export function linearSpecs(name: string, inputs: number, outputs: number): ParameterSpec[] {
  const bound = 1 / Math.sqrt(inputs);
  return [
    { name: `${name}.weight`, shape: [outputs, inputs], layout: 'linear', bound },
    { name: `${name}.bias`, shape: [outputs], layout: 'plain', bound },
  ];
}

/**
 * The vocabulary projection: nn.Linear, or its bias alone where the word vectors are its weight.
 * @throws UserError where these have another size than the hidden state
 */
export function projectionSpecs(
  name: string,
  words: number,
  { embedding, hidden, tieWeights = false }: Pick<DecoderConfig, 'embedding' | 'hidden' | 'tieWeights'>,
): ParameterSpec[] {
  const [weight, bias] = linearSpecs(name, hidden, words);
  if (!tieWeights) return [weight, bias];
  if (embedding !== hidden) {
    throw new UserError(
      `decoder.tieWeights: word vectors of ${embedding} cannot stand for a projection of ${hidden} units`,
      { hint: 'give decoder.embedding and decoder.hidden the same size' },
    );
  }
  return [bias];
}

/** The four parameters of nn.LSTMCell, initialised as there: uniform in +-1/sqrt(hidden). */
export function lstmSpecs(prefix: string, suffix: string, inputs: number, hidden: number): ParameterSpec[] {
  const bound = 1 / Math.sqrt(hidden);
  return [
    { name: `${prefix}.weight_ih${suffix}`, shape: [4 * hidden, inputs], layout: 'gates', bound },
    { name: `${prefix}.weight_hh${suffix}`, shape: [4 * hidden, hidden], layout: 'gates', bound },
    { name: `${prefix}.bias_ih${suffix}`, shape: [4 * hidden], layout: 'gateBias', bound },
    { name: `${prefix}.bias_hh${suffix}`, shape: [4 * hidden], layout: 'gateBias', bound },
  ];
}

/** Word vectors (V, E), uniform in +-0.1 (nn.Embedding's N(0, 1) would drown the LSTM's own weights). */
export function embeddingSpec(name: string, words: number, size: number): ParameterSpec {
  return { name: `${name}.weight`, shape: [words, size], layout: 'plain', bound: 0.1 };
}

/** Swaps the last two of four equal parts of axis 0: i, f, g, o <-> i, f, o, g. */
function swapGates(value: tf.Tensor): tf.Tensor {
  const [i, f, third, fourth] = tf.split(value, 4, 0);
  return tf.concat([i, f, fourth, third], 0);
}

export class Parameters {
  readonly variables = new Map<string, tf.Variable>();
  private readonly specs: Map<string, ParameterSpec>;

  /** @param seed of the initial values; each parameter draws from a generator of its own */
  constructor(specs: ParameterSpec[], seed: number) {
    this.specs = new Map(specs.map((spec) => [spec.name, spec]));
    for (const spec of specs) {
      const random = Random.for(seed, spec.name);
      const data = new Float32Array(spec.shape.reduce((a, b) => a * b, 1));
      for (let i = 0; i < data.length; i++) data[i] = (2 * random.next() - 1) * spec.bound;
      this.variables.set(
        spec.name,
        tf.tidy(() => tf.variable(this.fromTorch(spec, data))),
      );
    }
  }

  get(name: string): tf.Variable {
    const variable = this.variables.get(name);
    if (!variable) throw new Error(`No parameter is called "${name}".`);
    return variable;
  }

  toTorch(name: string, value: tf.Tensor): StateEntry {
    const spec = this.specs.get(name);
    if (!spec) throw new Error(`No parameter is called "${name}".`);
    const { layout, shape } = spec;
    const rows = tf.tidy(() => {
      const turned = layout === 'linear' || layout === 'gates' ? tf.transpose(value) : tf.clone(value);
      return layout === 'gates' || layout === 'gateBias' ? swapGates(turned) : turned;
    });
    // Not read inside tidy, which would look for tensors among millions of numbers.
    const data = rows.dataSync<'float32'>().slice();
    rows.dispose();
    return { shape: [...shape], data };
  }

  /** @param data the tensor's from now on: small arrays stay shared with it */
  private fromTorch(spec: ParameterSpec, data: Float32Array): tf.Tensor {
    const value = tf.tensor(data, spec.shape, 'float32');
    const rows = spec.layout === 'gates' || spec.layout === 'gateBias' ? swapGates(value) : value;
    return spec.layout === 'linear' || spec.layout === 'gates' ? tf.transpose(rows) : rows;
  }

  stateDict(): StateDict {
    return new Map([...this.variables].map(([name, variable]) => [name, this.toTorch(name, variable)]));
  }

  /** Takes over every parameter, or none when one is missing or has another shape. */
  loadState(state: StateDict): void {
    for (const { name, shape } of this.specs.values()) {
      const entry = state.get(name);
      if (!entry) {
        throw new UserError(
          `The decoder's parameter "${name}" (${shape.join(' x ')}) is missing from the weights.`,
          {
            hint: 'Use weights that were saved by a decoder of the same type.',
          },
        );
      }
      if (entry.shape.join() !== shape.join()) {
        throw new UserError(
          `The decoder's parameter "${name}" is ${shape.join(' x ')}, but the weights hold ${entry.shape.join(' x ')}.`,
          {
            hint: "Use weights saved with the same decoder sizes and vocabulary, or change the config's decoder.",
          },
        );
      }
    }
    for (const spec of this.specs.values()) {
      tf.tidy(() => this.get(spec.name).assign(this.fromTorch(spec, state.get(spec.name)!.data.slice())));
    }
  }

  dispose(): void {
    for (const variable of this.variables.values()) variable.dispose();
  }
}
