/** What an image encoder offers, and what all of them share. */
import { UserError } from '../../core/index.js';
import { tf } from '../../backend/index.js';
import type { EncoderParameters, Layer } from '../layers/index.js';
import type { StateDict } from '../state.js';

export interface Encoder {
  readonly name: string;
  /** First stage whose parameters are variables; all others are constants with BatchNorm folded in. Null: no stage. */
  readonly trainedFrom: string | null;
  /** Names of the stages in order; the output of any of them can be used. */
  readonly stages: readonly string[];
  /** [H', W', C] of the feature map for images of H x W pixels. */
  outputShape(height: number, width: number, stage?: string | null): [number, number, number];
  /** Of the trained stages, by torchvision's names. */
  variables(): Map<string, tf.Variable>;
  /**
   * Normalised images (B, H, W, 3) -> feature map (B, H', W', C) of `stage`, by default the last.
   * @param options after: `images` are the output of this stage, and the forward pass goes on from there;
   *   training: an encoder that started from random weights normalises by the batch and learns from it
   */
  forward(
    images: tf.Tensor4D,
    stage?: string | null,
    options?: { after?: string | null; training?: boolean },
  ): tf.Tensor4D;
  /** Mean over the places of a map: (B, H', W', C) -> (B, C). */
  pooled(map: tf.Tensor4D): tf.Tensor2D;
  /** (B, C) of the last stage -> (B, classes); absent when the weights hold no classifier. */
  readonly logits?: (pooled: tf.Tensor2D) => tf.Tensor2D;
  /** Names, shapes and layouts of PyTorch; `classifier: false` leaves out what captioning does not use. */
  stateDict(options?: { classifier?: boolean }): StateDict;
  /** Takes over what training changes: the trained stages, and learnt statistics. */
  loadState(state: StateDict): void;
  dispose(): void;
}

export interface Stage {
  name: string;
  /** Declares the stage's parameters. */
  build: () => Layer;
  /** How many pixels of the stage's input become one, per side. */
  stride: number;
  /** Channels of the output. */
  channels: number;
}

export interface StagedEncoderParts {
  name: string;
  parameters: EncoderParameters;
  stages: Stage[];
  /** `logits` declares its parameters, and is undefined where the weights lack them. */
  classifier?: { prefix: string; logits: () => ((pooled: tf.Tensor2D) => tf.Tensor2D) | undefined };
}

const FROM_STAGE = 'from-stage ';

/** Index of the first trained stage; the number of stages when none is. */
function firstTrained(train: string, stages: readonly string[], encoder: string): number {
  if (train === 'none') return stages.length;
  if (train === 'all') return 0;
  const index = train.startsWith(FROM_STAGE) ? stages.indexOf(train.slice(FROM_STAGE.length)) : -1;
  if (index >= 0) return index;
  throw new UserError(`encoder.train: "${train}" names no stage of ${encoder}`, {
    hint: `none, all, or ${FROM_STAGE}STAGE with one of ${stages.join(', ')}`,
  });
}

export class StagedEncoder implements Encoder {
  readonly name: string;
  readonly stages: readonly string[];
  readonly trainedFrom: string | null;
  readonly logits?: (pooled: tf.Tensor2D) => tf.Tensor2D;
  private readonly layers: readonly Layer[];

  constructor(private readonly parts: StagedEncoderParts) {
    const { name, parameters, stages, classifier } = parts;
    this.name = name;
    this.stages = stages.map((stage) => stage.name);
    const first = firstTrained(parameters.train, this.stages, name);
    this.trainedFrom = this.stages[first] ?? null;
    this.layers = stages.map(({ build }, i) => {
      parameters.trainable = i >= first;
      return build();
    });
    parameters.trainable = false;
    this.logits = classifier?.logits?.();
    parameters.check();
  }

  /** Index of a stage; of the last one for null. */
  private indexOf(stage: string | null | undefined): number {
    if (stage === null || stage === undefined) return this.stages.length - 1;
    const index = this.stages.indexOf(stage);
    if (index < 0) {
      throw new UserError(`${this.name} has no stage "${stage}"; its stages are ${this.stages.join(', ')}`);
    }
    return index;
  }

  outputShape(height: number, width: number, stage?: string | null): [number, number, number] {
    const stages = this.parts.stages.slice(0, this.indexOf(stage) + 1);
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
    { after, training = false }: { after?: string | null; training?: boolean } = {},
  ): tf.Tensor4D {
    const { parameters } = this.parts;
    const start = after === null || after === undefined ? 0 : this.indexOf(after) + 1;
    const layers = this.layers.slice(start, this.indexOf(stage) + 1);
    parameters.normalisesByBatch = training && parameters.learnsStatistics;
    try {
      return tf.tidy(() => {
        let x = images; // (B, H, W, 3)
        for (const layer of layers) {
          const y = layer(x); // (B, H', W', C)
          // Outside of automatic differentiation the map before is no longer needed: this bounds memory.
          if (this.trainedFrom === null && x !== images) x.dispose();
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

  loadState(state: StateDict): void {
    this.parts.parameters.loadState(state);
  }

  dispose(): void {
    this.parts.parameters.dispose();
  }
}
