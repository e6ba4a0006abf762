/**
 * Show, Attend and Tell (Xu et al., 2015) with deterministic "soft" attention. At every word the decoder weighs the
 * P places of the image's feature map by additive attention (`attention.encoder_attn`, `.decoder_attn`, ReLU,
 * `.full_attn`), scales their mean by a gate of its hidden state (`f_beta`), and feeds it with the word vector to
 * an LSTM cell; `init_h` and `init_c` make the first state from the mean feature. What the attention layer makes of
 * the image, its keys, does not depend on the word and is computed once.
 */
import { hasKernels, inBfloat16, kernel, packFactor, tf } from '../../backend/index.js';
import { attend, type Scene } from './attention-step.js';
import { BaseDecoder, type Lookup } from './base.js';
import { linear } from './cells.js';
import { Derived } from './derived.js';
import { cellForward } from './lstm-cell.js';
import { embeddingSpec, linearSpecs, lstmSpecs, Parameters, projectionSpecs } from './parameters.js';
import type { SequenceRequest } from './sequence-operation.js';
import { softAttentionSequence } from './soft-attention-sequence.js';
import { projectionWeight } from './words.js';
import type {
  DecoderState,
  DecoderStep,
  LossAndGradients,
  SoftAttentionDecoderConfig,
  TeacherForcedBatch,
} from './types.js';

/** What is multiplied by the hidden state before the cell, side by side: gates, query, gate of the context. */
const JOINT = ['lstm_cell.weight_hh', 'attention.decoder_attn.weight', 'f_beta.weight'];

interface StepParts {
  next: { h: tf.Tensor2D; c: tf.Tensor2D };
  logits: tf.Tensor2D;
  alpha: tf.Tensor2D;
}

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
        ...projectionSpecs('fc', vocabularySize, config),
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
      const scene: Scene = {
        keys: images.keys as tf.Tensor3D,
        features: images.features as tf.Tensor3D,
        score: this.parameters.get('attention.full_attn.weight') as tf.Tensor as tf.Tensor2D,
      };
      const [h, c] = [tensors.h as tf.Tensor2D, tensors.c as tf.Tensor2D]; // (B k, H): k captions of each image
      const { next, logits, alpha } = hasKernels()
        ? this.wholeStep(scene, h, c, words)
        : this.stepByParts(scene, h, c, words);
      return {
        // Clones share their data, so that a caller may dispose of the old state and keep the new one.
        state: {
          tensors: next,
          images: { keys: tf.clone(scene.keys), features: tf.clone(scene.features) },
        },
        logits, // (B k, V)
        attention: alpha, // (B k, P)
      };
    });
  }

  /** One operation, which reads every weight once, from front to back. */
  private wholeStep(scene: Scene, h: tf.Tensor2D, c: tf.Tensor2D, words: tf.Tensor1D): StepParts {
    const { joint, jointBias, input, projection } = this.packed.get();
    const p = (name: string) => this.parameters.get(name);
    const inputs = [
      ...[h, c, words, scene.keys, scene.features, p('embed.weight'), joint, jointBias, input],
      ...[scene.score, projection, p('fc.bias')],
    ];
    const [nextH, nextC, logits, alpha] = kernel('AttentionStep', inputs, 4, { rounded: inBfloat16() });
    return { next: { h: nextH, c: nextC }, logits, alpha };
  }

  /** Weights as the kernels multiply by them, laid out once until they change. */
  private readonly packed = new Derived(
    () => this.parameters.variables.values(),
    () => {
      const p = (name: string) => this.parameters.get(name) as tf.Tensor as tf.Tensor2D;
      const pack = (weight: tf.Tensor2D) => packFactor(weight, false, inBfloat16());
      return {
        joint: pack(tf.concat(JOINT.map(p), 1)),
        jointBias: this.jointBias(),
        input: pack(p('lstm_cell.weight_ih')),
        projection: pack(projectionWeight(p, 'fc', this.config.tieWeights)),
      };
    },
  );

  /** (4H + A + C) */
  private jointBias(): tf.Tensor1D {
    const p = (name: string) => this.parameters.get(name) as tf.Tensor as tf.Tensor1D;
    const cell: tf.Tensor1D = tf.add(p('lstm_cell.bias_ih'), p('lstm_cell.bias_hh'));
    return tf.concat([cell, p('attention.decoder_attn.bias'), p('f_beta.bias')]);
  }

  private stepByParts(scene: Scene, h: tf.Tensor2D, c: tf.Tensor2D, words: tf.Tensor1D): StepParts {
    const p = (name: string) => this.parameters.get(name) as tf.Tensor as tf.Tensor2D;
    const state: tf.Tensor2D = tf.concat(
      JOINT.map((name): tf.Tensor2D => tf.matMul(h, p(name))),
      1,
    ); // (B k, 4H + A + C)
    const bias = this.jointBias();
    // The bias of full_attn shifts all places alike: the softmax does not see it.
    const { alpha, z } = attend(scene, state, bias);
    const word: tf.Tensor2D = tf.gather(p('embed.weight'), words); // (B k, E)
    const input: tf.Tensor2D = tf.matMul(tf.concat([word, z], 1), p('lstm_cell.weight_ih')); // (B k, 4H)
    const next = cellForward({ words: input, state, bias }, c);
    return { next: { h: next.h, c: next.c }, logits: this.logits('fc', next.h), alpha };
  }

  override dispose(): void {
    super.dispose();
    this.packed.dispose();
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
