/**
 * Show and Tell (Vinyals et al., 2015): the image's feature vector is the first input of an LSTM, the words follow.
 * Parameters and arithmetic are those of the PyTorch modules `embed` (nn.Embedding), `lstm_cell` (nn.LSTM of 1..n
 * layers, dropout between them) and `linear`. An image feature of another size than the word vectors first passes
 * `project`, a linear layer that exists only then. What the network says after the image alone is never scored.
 */
import { hasKernels, inBfloat16, kernelAffine, packFactor, tf } from '../../backend/index.js';
import { BaseDecoder, type Lookup } from './base.js';
import { linear } from './cells.js';
import { Derived } from './derived.js';
import { cellForward } from './lstm-cell.js';
import { lstmSequence } from './lstm-sequence.js';
import { embeddingSpec, linearSpecs, lstmSpecs, Parameters, projectionSpecs } from './parameters.js';
import type { SequenceRequest } from './sequence-operation.js';
import type {
  DecoderState,
  DecoderStep,
  LossAndGradients,
  LstmDecoderConfig,
  TeacherForcedBatch,
} from './types.js';

export class LstmDecoder extends BaseDecoder {
  readonly type = 'lstm';
  readonly features = 'pooled';
  protected readonly parameters: Parameters;
  private readonly projected: boolean;

  constructor(
    readonly config: LstmDecoderConfig,
    readonly vocabularySize: number,
    featureChannels: number,
    seed: number,
  ) {
    super();
    const { embedding, hidden, layers } = config;
    this.projected = featureChannels !== embedding;
    const specs = [
      embeddingSpec('embed', vocabularySize, embedding),
      ...projectionSpecs('linear', vocabularySize, config),
    ];
    for (let k = 0; k < layers; k++) {
      specs.push(...lstmSpecs('lstm_cell', `_l${k}`, k === 0 ? embedding : hidden, hidden));
    }
    if (this.projected) specs.push(...linearSpecs('project', featureChannels, embedding));
    this.parameters = new Parameters(specs, seed);
  }

  start(features: tf.Tensor): DecoderState {
    const p = (name: string) => this.parameters.get(name);
    return tf.tidy(() => {
      const image = this.projected ? linear(features, p('project.weight'), p('project.bias')) : features; // (B, E)
      const zero: tf.Tensor2D = tf.zeros([features.shape[0], this.config.hidden]);
      const state: DecoderState = { tensors: {}, images: {} };
      for (let k = 0; k < this.config.layers; k++) state.tensors[`h${k}`] = state.tensors[`c${k}`] = zero;
      return this.advance(state, image as tf.Tensor2D);
    });
  }

  step(state: DecoderState, words: tf.Tensor1D): DecoderStep {
    return tf.tidy(() => {
      const next = this.advance(state, tf.gather(this.parameters.get('embed.weight'), words) as tf.Tensor2D);
      const top = next.tensors[`h${this.config.layers - 1}`];
      return { state: next, logits: this.logits('linear', top as tf.Tensor2D) };
    });
  }

  /** As our kernels multiply by them: laid out, and rounded, once until they change. */
  private readonly packed = new Derived(
    () => this.parameters.variables.values(),
    () => {
      const names = Array.from({ length: this.config.layers }, (_, k) => [
        `lstm_cell.weight_ih_l${k}`,
        `lstm_cell.weight_hh_l${k}`,
      ]).flat();
      const p = (name: string) => this.parameters.get(name) as tf.Tensor as tf.Tensor2D;
      const pack = (name: string, transposed = false) => packFactor(p(name), transposed, inBfloat16());
      const packed: Record<string, tf.Tensor> = {
        ...Object.fromEntries(names.map((name) => [name, pack(name)])),
        projection: this.config.tieWeights ? pack('embed.weight', true) : pack('linear.weight'),
      };
      return packed;
    },
  );

  protected override logits(layer: string, h: tf.Tensor2D): tf.Tensor2D {
    if (!hasKernels()) return super.logits(layer, h);
    const p = (name: string) => this.parameters.get(name) as tf.Tensor as tf.Tensor2D;
    const { tieWeights } = this.config;
    const weight = p(tieWeights ? 'embed.weight' : `${layer}.weight`);
    return kernelAffine(h, weight, p(`${layer}.bias`), this.packed.get().projection, tieWeights);
  }

  override dispose(): void {
    super.dispose();
    this.packed.dispose();
  }

  /** One time step of all layers. @param input (B, E) */
  private advance(state: DecoderState, input: tf.Tensor2D): DecoderState {
    const next: DecoderState = { tensors: {}, images: {} };
    const none: tf.Tensor1D = tf.zeros([4 * this.config.hidden]);
    const packed = hasKernels() ? this.packed.get() : undefined;
    let x = input;
    for (let k = 0; k < this.config.layers; k++) {
      const times = (x: tf.Tensor, kind: 'ih' | 'hh') => {
        const name = `lstm_cell.weight_${kind}_l${k}`;
        const bias = this.parameters.get(`lstm_cell.bias_${kind}_l${k}`);
        return linear(x, this.parameters.get(name), bias, packed?.[name]);
      };
      const terms = {
        words: times(x, 'ih'), // (B, 4H)
        state: times(state.tensors[`h${k}`], 'hh'), // (B, 4H)
        bias: none,
      };
      const { h, c } = cellForward(terms, state.tensors[`c${k}`] as tf.Tensor2D);
      next.tensors[`h${k}`] = x = h;
      next.tensors[`c${k}`] = c;
    }
    return next;
  }

  protected sequence(
    p: Lookup,
    features: tf.Tensor,
    batch: TeacherForcedBatch,
    request: SequenceRequest,
  ): LossAndGradients {
    return lstmSequence(p, this.config, features as tf.Tensor2D, batch, request);
  }
}
