/**
 * One optimizer step: forward, backward, clipping, Adam. Nothing is read back from the device.
 * With features of a frozen encoder the decoder's hand-derived backward pass is called directly; a trained encoder goes
 * through automatic differentiation, once an image, however many captions of it the batch holds.
 */
import { tf } from '../backend/index.js';
import type { Config } from '../config/index.js';
import { mark } from '../core/index.js';
import type { CaptionBatch } from '../data/index.js';
import { poolForDecoder } from '../infer/index.js';
import { partOf, type Decoder, type Encoder, type StateDict } from '../models/index.js';
import { Adam, clipByGlobalNorm } from './optimizer.js';
import type { Source } from './sources.js';

export interface StepResult {
  /** Mean cross-entropy per token, nats; the caller disposes it. */
  loss: tf.Scalar;
  /** Global gradient norm before clipping; the caller disposes it. */
  gradientNorm: tf.Scalar;
}

interface Part {
  adam: Adam;
  /** of training */
  learningRate: number;
  variables: Map<string, tf.Variable>;
}

type Gradients = Map<string, tf.Tensor>;

export class TrainingStep {
  /** Each with an optimizer of its own: the encoder may start later, and learn at another rate. */
  private readonly parts: Record<'encoder' | 'decoder', Part>;

  constructor(
    private readonly config: Config,
    private readonly encoder: Encoder,
    private readonly decoder: Decoder,
  ) {
    const { training } = config;
    const part = (variables: Map<string, tf.Variable>, learningRate: number): Part => ({
      adam: new Adam(variables, { ...training }),
      learningRate,
      variables,
    });
    this.parts = {
      encoder: part(encoder.variables(), config.encoder.learningRate ?? training.learningRate),
      decoder: part(decoder.variables(), training.learningRate),
    };
  }

  /**
   * @param input what a source gave for `batch.images`
   * @param gives what that is
   * @param seed of the dropout masks
   * @param share of the learning rates, by the schedule
   */
  run(
    input: tf.Tensor,
    gives: Source['gives'],
    batch: CaptionBatch,
    seed: number,
    share: number,
  ): StepResult {
    const { loss, encoder, decoder } =
      gives === 'features'
        ? this.decoderOnly(input, batch, seed)
        : this.throughEncoder(input as tf.Tensor4D, gives.after, batch, seed);
    mark('clipping');
    // Clipped together: one name space for both.
    const gradients: Gradients = new Map([
      ...[...encoder].map(([name, gradient]) => [`encoder.${name}`, gradient] as const),
      ...[...decoder].map(([name, gradient]) => [`decoder.${name}`, gradient] as const),
    ]);
    const clip = this.config.training.clipNorm ?? Number.POSITIVE_INFINITY;
    const clipped = clipByGlobalNorm(gradients, clip);
    mark('optimizer');
    for (const [prefix, { adam, learningRate, variables }] of Object.entries(this.parts)) {
      adam.options.learningRate = learningRate * share;
      const own: Gradients = new Map();
      for (const name of variables.keys()) {
        const gradient = clipped.gradients.get(`${prefix}.${name}`);
        if (gradient) own.set(name, gradient);
      }
      if (own.size > 0) adam.step(own);
    }
    tf.dispose([...gradients.values(), ...clipped.gradients.values()]);
    return { loss, gradientNorm: clipped.norm };
  }

  private decoderOnly(features: tf.Tensor, batch: CaptionBatch, seed: number) {
    const rows = perCaption(features, batch);
    const { loss, gradients } = this.decoder.lossAndGradients(rows, batch, { training: true, seed });
    if (rows !== features) rows.dispose();
    return { loss, encoder: new Map<string, tf.Tensor>(), decoder: gradients };
  }

  private throughEncoder(input: tf.Tensor4D, given: string | null, batch: CaptionBatch, seed: number) {
    const { stage } = this.config.encoder;
    const { stages, trainedFrom } = this.encoder;
    // What is frozen runs outside of automatic differentiation, which would keep all of its maps.
    const after = stages[stages.indexOf(trainedFrom!) - 1] ?? null;
    const maps = after === given ? input : this.encoder.forward(input, after, { after: given });
    const variables = [...this.parts.encoder.variables.values(), ...this.parts.decoder.variables.values()];
    mark('encoder and decoder');
    const { value: loss, grads } = tf.variableGrads(() => {
      const map = this.encoder.forward(maps, stage, { after, training: true });
      const features = poolForDecoder(this.encoder, this.decoder, map);
      return this.decoder.loss(perCaption(features, batch), batch, { training: true, seed });
    }, variables);
    if (maps !== input) maps.dispose();
    const of = (part: Part): Gradients => {
      const gradients: Gradients = new Map();
      for (const [name, variable] of part.variables) {
        // Stages behind `encoder.stage` do not take part.
        if (grads[variable.name]) gradients.set(name, grads[variable.name]);
      }
      return gradients;
    };
    return { loss, encoder: of(this.parts.encoder), decoder: of(this.parts.decoder) };
  }

  /** What the optimizers know, by `encoder.` and `decoder.`. */
  stateDict(): StateDict {
    return new Map(
      Object.entries(this.parts).flatMap(([prefix, { adam }]) =>
        [...adam.stateDict()].map(([name, entry]) => [`${prefix}.${name}`, entry] as const),
      ),
    );
  }

  loadState(state: StateDict): void {
    for (const [prefix, { adam }] of Object.entries(this.parts)) adam.loadState(partOf(state, `${prefix}.`));
  }

  dispose(): void {
    for (const { adam } of Object.values(this.parts)) adam.dispose();
  }
}

/** Features of each image (U, ...) as features of each caption (B, ...). */
function perCaption(features: tf.Tensor, { images, imageOfRow }: CaptionBatch): tf.Tensor {
  if (images.length === imageOfRow.length) return features; // in the order of the rows
  return tf.tidy(() => tf.gather(features, tf.tensor1d(imageOfRow, 'int32')));
}
