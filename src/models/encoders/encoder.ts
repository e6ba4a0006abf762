/** What an image encoder offers, and what all of them share. */
import { UserError } from '../../core/index.js';
import { tf } from '../../backend/index.js';
import type { EncoderParameters, Layer } from '../layers/index.js';
import type { StateDict } from '../state.js';

export interface Encoder {
  readonly name: string;
  /** Whether its parameters are variables; otherwise they are constants with BatchNorm folded in. */
  readonly trainable: boolean;
  /** Names of the stages in order; the output of any of them can be used. */
  readonly stages: readonly string[];
  /** [H', W', C] of the feature map for images of H x W pixels. */
  outputShape(height: number, width: number, stage?: string | null): [number, number, number];
  /** By torchvision's names; empty when frozen. */
  variables(): Map<string, tf.Variable>;
  /**
   * Normalised images (B, H, W, 3) -> feature map (B, H', W', C) of `stage`, by default the last.
   * @param options training: an encoder that started from random weights normalises by the batch and learns from it
   */
  forward(images: tf.Tensor4D, stage?: string | null, options?: { training?: boolean }): tf.Tensor4D;
  /** Mean over the places of a map: (B, H', W', C) -> (B, C). */
  pooled(map: tf.Tensor4D): tf.Tensor2D;
  /** (B, C) of the last stage -> (B, classes); absent when the weights hold no classifier. */
  readonly logits?: (pooled: tf.Tensor2D) => tf.Tensor2D;
  /** Names, shapes and layouts of PyTorch; `classifier: false` leaves out what captioning does not use. */
  stateDict(options?: { classifier?: boolean }): StateDict;
  dispose(): void;
}

export interface Stage {
  name: string;
  layer: Layer;
  /** How many pixels of the stage's input become one, per side. */
  stride: number;
  /** Channels of the output. */
  channels: number;
}

export interface StagedEncoderParts {
  name: string;
  parameters: EncoderParameters;
  stages: Stage[];
  classifier?: { prefix: string; logits?: (pooled: tf.Tensor2D) => tf.Tensor2D };
}

export class StagedEncoder implements Encoder {
  readonly name: string;
  readonly stages: readonly string[];
  readonly logits?: (pooled: tf.Tensor2D) => tf.Tensor2D;

  constructor(private readonly parts: StagedEncoderParts) {
    this.name = parts.name;
    this.stages = parts.stages.map(({ name }) => name);
    this.logits = parts.classifier?.logits;
    parts.parameters.check();
  }

  get trainable(): boolean {
    return this.parts.parameters.trainable;
  }

  private upTo(stage: string | null | undefined): Stage[] {
    const { stages } = this.parts;
    if (stage === null || stage === undefined) return stages;
    const index = this.stages.indexOf(stage);
    if (index < 0) {
      throw new UserError(`${this.name} has no stage "${stage}"; its stages are ${this.stages.join(', ')}`);
    }
    return stages.slice(0, index + 1);
  }

  outputShape(height: number, width: number, stage?: string | null): [number, number, number] {
    const stages = this.upTo(stage);
    const side = (pixels: number) =>
      stages.reduce((length, { stride }) => Math.ceil(length / stride), pixels);
    return [side(height), side(width), stages[stages.length - 1].channels];
  }

  variables(): Map<string, tf.Variable> {
    return this.parts.parameters.variables();
  }

  forward(
    images: tf.Tensor4D,
    stage?: string | null,
    { training = false }: { training?: boolean } = {},
  ): tf.Tensor4D {
    const stages = this.upTo(stage);
    const { parameters } = this.parts;
    parameters.normalisesByBatch = training && parameters.learnsStatistics;
    try {
      return tf.tidy(() => {
        let x = images; // (B, H, W, 3)
        for (const { layer } of stages) {
          const y = layer(x); // (B, H', W', C)
          // Outside of automatic differentiation the map before is no longer needed: this bounds memory.
          if (!this.trainable && x !== images) x.dispose();
          x = y;
        }
        return x;
      });
    } finally {
      parameters.normalisesByBatch = false;
    }
  }

  pooled(map: tf.Tensor4D): tf.Tensor2D {
    return tf.mean(map, [1, 2]);
  }

  stateDict({ classifier = true }: { classifier?: boolean } = {}): StateDict {
    const state = this.parts.parameters.stateDict();
    const prefix = this.parts.classifier?.prefix;
    if (classifier || prefix === undefined) return state;
    return new Map([...state].filter(([name]) => !name.startsWith(prefix)));
  }

  dispose(): void {
    this.parts.parameters.dispose();
  }
}
