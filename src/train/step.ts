/**
 * One optimizer step: forward, backward, clipping, Adam. Nothing is read back from the device.
 * With a frozen encoder the batch's features come from the store and the decoder's hand-derived backward pass is
 * called directly; a trained encoder goes through automatic differentiation.
 */
import { tf } from '../backend/index.js';
import type { Config } from '../config/index.js';
import type { CaptionBatch } from '../data/index.js';
import { poolForDecoder } from '../infer/index.js';
import type { Decoder, Encoder } from '../models/index.js';
import { Adam, clipByGlobalNorm } from './optimizer.js';

/** What a step starts from: features of the store, or normalised images when the encoder is trained. */
export interface Source {
  /** (B, P, C) or (B, C) features, or (B, H, W, 3) images, in the order of `images`; the caller disposes of it. */
  input(images: readonly string[]): tf.Tensor;
}

export interface StepResult {
  /** Mean cross-entropy per token, nats; the caller disposes it. */
  loss: tf.Scalar;
  /** Global gradient norm before clipping; the caller disposes it. */
  gradientNorm: tf.Scalar;
}

export class TrainingStep {
  private readonly adam: Adam;
  private readonly variables: Map<string, tf.Variable>;

  constructor(
    private readonly config: Config,
    private readonly encoder: Encoder,
    private readonly decoder: Decoder,
    private readonly source: Source,
  ) {
    this.variables = new Map([
      ...[...encoder.variables()].map(([name, variable]) => [`encoder.${name}`, variable] as const),
      ...[...decoder.variables()].map(([name, variable]) => [`decoder.${name}`, variable] as const),
    ]);
    this.adam = new Adam(this.variables, { ...config.training });
  }

  /**
   * @param seed of the dropout masks
   * @param learningRate of this step
   */
  run(batch: CaptionBatch, seed: number, learningRate: number): StepResult {
    this.adam.options.learningRate = learningRate;
    const input = this.source.input(batch.images);
    const { loss, gradients } = this.encoder.trainable
      ? this.throughEncoder(input as tf.Tensor4D, batch, seed)
      : this.decoderOnly(input, batch, seed);
    input.dispose();
    const clip = this.config.training.clipNorm ?? Number.POSITIVE_INFINITY;
    const clipped = clipByGlobalNorm(gradients, clip);
    this.adam.step(clipped.gradients);
    tf.dispose([...gradients.values(), ...clipped.gradients.values()]);
    return { loss, gradientNorm: clipped.norm };
  }

  private decoderOnly(features: tf.Tensor, batch: CaptionBatch, seed: number) {
    const { loss, gradients } = this.decoder.lossAndGradients(features, batch, { training: true, seed });
    return { loss, gradients: new Map([...gradients].map(([name, g]) => [`decoder.${name}`, g])) };
  }

  private throughEncoder(images: tf.Tensor4D, batch: CaptionBatch, seed: number) {
    const { value: loss, grads } = tf.variableGrads(() => {
      const map = this.encoder.forward(images, this.config.encoder.stage, { training: true });
      return this.decoder.loss(poolForDecoder(this.encoder, this.decoder, map), batch, {
        training: true,
        seed,
      });
    }, [...this.variables.values()]);
    const gradients = new Map<string, tf.Tensor>();
    for (const [name, variable] of this.variables) {
      // Stages behind `encoder.stage` do not take part.
      if (grads[variable.name]) gradients.set(name, grads[variable.name]);
    }
    return { loss, gradients };
  }

  dispose(): void {
    this.adam.dispose();
  }
}
