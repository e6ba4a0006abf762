/**
 * Show, Attend and Tell (Xu et al., 2015) with deterministic "soft" attention. At every word the decoder weighs the
 * P places of the image's feature map by additive attention (`attention.encoder_attn`, `.decoder_attn`, ReLU,
 * `.full_attn`), scales their mean by a gate of its hidden state (`f_beta`), and feeds it with the word vector to
 * an LSTM cell; `init_h` and `init_c` make the first state from the mean feature. What the attention layer makes of
 * the image, its keys, does not depend on the word and is computed once.
 */
import { tf } from '../../backend/index.js';
import { attentionScores } from './additive-attention.js';
import { BaseDecoder, type Lookup } from './base.js';
import { linear, lstmCell } from './cells.js';
import { embeddingSpec, linearSpecs, lstmSpecs, Parameters } from './parameters.js';
import type { SequenceRequest } from './sequence-operation.js';
import { softAttentionSequence } from './soft-attention-sequence.js';
import type {
  DecoderState,
  DecoderStep,
  LossAndGradients,
  SoftAttentionDecoderConfig,
  TeacherForcedBatch,
} from './types.js';

export class SoftAttentionDecoder extends BaseDecoder {
  readonly type = 'soft-attention';
  readonly features = 'map';
  protected readonly parameters: Parameters;

  constructor(
    readonly config: SoftAttentionDecoderConfig,
    readonly vocabularySize: number,
    featureChannels: number,
    seed: number,
  ) {
    super();
    const { embedding, hidden, attention } = config;
    this.parameters = new Parameters(
      [
        embeddingSpec('embed', vocabularySize, embedding),
        ...lstmSpecs('lstm_cell', '', embedding + featureChannels, hidden),
        ...linearSpecs('fc', hidden, vocabularySize),
        ...linearSpecs('attention.encoder_attn', featureChannels, attention),
        ...linearSpecs('attention.decoder_attn', hidden, attention),
        ...linearSpecs('attention.full_attn', attention, 1),
        ...linearSpecs('init_h', featureChannels, hidden),
        ...linearSpecs('init_c', featureChannels, hidden),
        ...linearSpecs('f_beta', hidden, featureChannels),
      ],
      seed,
    );
  }

  private apply(x: tf.Tensor, name: string): tf.Tensor2D {
    return linear(x, this.parameters.get(`${name}.weight`), this.parameters.get(`${name}.bias`));
  }

  start(features: tf.Tensor): DecoderState {
    return tf.tidy(() => {
      const [size, places, channels] = features.shape;
      const flat = tf.reshape(features, [size * places, channels]);
      const keys = this.apply(flat, 'attention.encoder_attn'); // (B P, A)
      const mean = tf.mean(features, 1); // (B, C)
      return {
        tensors: { h: this.apply(mean, 'init_h'), c: this.apply(mean, 'init_c') },
        images: {
          keys: tf.reshape(keys, [size, places, this.config.attention]),
          features: tf.clone(features),
        },
      };
    });
  }

  step({ tensors, images }: DecoderState, words: tf.Tensor1D): DecoderStep {
    return tf.tidy(() => {
      const h = tensors.h as tf.Tensor2D; // (B k, H): k captions of each image
      const features = images.features as tf.Tensor3D; // (B, P, C)
      const [size, places, channels] = features.shape;
      const rows = h.shape[0];
      const query = this.apply(h, 'attention.decoder_attn'); // (B k, A)
      const score = this.parameters.get('attention.full_attn.weight') as tf.Tensor as tf.Tensor2D;
      // The bias of full_attn shifts all places alike: the softmax does not see it.
      const alpha = tf.softmax(attentionScores(images.keys as tf.Tensor3D, tf.neg(query), score)); // (B k, P)
      const seen = tf.matMul(tf.reshape(alpha, [size, rows / size, places]), features); // (B, k, C)
      const context = tf.reshape(seen, [rows, channels]);
      const gated = tf.mul(tf.sigmoid(this.apply(h, 'f_beta')), context); // (B k, C)
      const word = tf.gather(this.parameters.get('embed.weight'), words); // (B k, E)
      const p = (name: string) => this.parameters.get(`lstm_cell.${name}`);
      const gates: tf.Tensor2D = tf.add(
        linear(tf.concat([word, gated], 1), p('weight_ih'), p('bias_ih')),
        linear(h, p('weight_hh'), p('bias_hh')),
      ); // (B k, 4H)
      const next = lstmCell(gates, tensors.c as tf.Tensor2D);
      return {
        // Clones share their data, so that a caller may dispose of the old state and keep the new one.
        state: {
          tensors: next,
          images: { keys: tf.clone(images.keys), features: tf.clone(features) },
        },
        logits: this.apply(next.h, 'fc'), // (B k, V)
        attention: alpha,
      };
    });
  }

  protected sequence(
    p: Lookup,
    features: tf.Tensor,
    batch: TeacherForcedBatch,
    request: SequenceRequest,
  ): LossAndGradients {
    return softAttentionSequence(p, this.config, features as tf.Tensor3D, batch, request);
  }
}
