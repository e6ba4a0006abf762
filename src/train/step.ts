/**
 * One optimizer step: forward, backward, clipping, optimizer, average of the weights. A single process reads nothing back from the device.
 * With features of a frozen encoder the decoder's hand-derived backward pass is called directly; a trained encoder goes
 * through automatic differentiation, once an image, however many captions of it the batch holds.
 */
import { tf } from '../backend/index.js';
import type { Config, TrainingConfig } from '../config/index.js';
import { mark, UserError } from '../core/index.js';
import { alone, type World } from '../distributed/index.js';
import type { CaptionBatch } from '../data/index.js';
import { poolForDecoder } from '../infer/index.js';
import { partOf, type Decoder, type Encoder, type StateDict } from '../models/index.js';
import {
  clipByValue,
  clippingScale,
  createOptimizer,
  ShownWeights,
  type Gradients,
  type Optimizer,
  type Update,
} from './optimizers/index.js';
import { GradientBuckets, type Learnt, type StepGradients } from './gradient-buckets.js';
import { perCaption, type Lesson, type Moment, type Objective } from './objectives/index.js';
import type { Source } from './sources.js';

export interface StepResult {
  /** Mean loss per token, nats; the caller disposes it. */
  loss: tf.Scalar;
  /** Global gradient norm before clipping; the caller disposes it. */
  gradientNorm: tf.Scalar;
  /** Norm of each gradient before clipping (K), and their names; the caller disposes it. */
  norms: tf.Tensor1D;
  names: string[];
  /** Target tokens. */
  tokens: number;
  /** Whether a process wants to end the training. */
  stop: boolean;
  /** Mean CIDEr-D of sampled captions, where there were some. */
  reward?: number;
}

/** A batch with what is read for it. */
export interface MicroBatch {
  /** what a source gave for `batch.images`; the caller's */
  input: tf.Tensor;
  /** what that is */
  gives: Source['gives'];
  batch: CaptionBatch;
  /** of the dropout masks and what is drawn */
  seed: number;
  /** of the stage so far, with a fraction */
  epochs: number;
}

interface Part {
  optimizer: Optimizer;
  variables: Map<string, tf.Variable>;
  updates: Map<string, Update>;
}

export interface StepOptions {
  /** Whether an encoder that can be trained is. */
  trainsEncoder?: boolean;
  /** How far the weights to show lie on the way from those that are there now. */
  share?: number;
  /** The processes that train together. */
  world?: World;
}

export class TrainingStep {
  /** Each with an optimizer of its own: the encoder may start later. */
  private readonly parts: Record<'encoder' | 'decoder', Part>;
  /** The weights to validate and save, where they are not the variables themselves. */
  readonly shown: ShownWeights | undefined;
  private readonly trainsEncoder: boolean;
  /** Of the processes that train together. */
  private readonly buckets: GradientBuckets | undefined;

  constructor(
    private readonly config: Config,
    private readonly encoder: Encoder,
    private readonly decoder: Decoder,
    private readonly objective: Objective,
    { trainsEncoder = true, share = 1, world = alone }: StepOptions = {},
  ) {
    this.trainsEncoder = trainsEncoder;
    const { training } = config;
    const part = (prefix: string, variables: Map<string, tf.Variable>, learningRate: number): Part => ({
      optimizer: createOptimizer(variables, training),
      variables,
      updates: new Map(
        [...variables.keys()].map((name) => [name, updateOf(`${prefix}.${name}`, learningRate, training)]),
      ),
    });
    const rate = config.encoder.learningRate ?? training.learningRate;
    this.parts = {
      encoder: part('encoder', trainsEncoder ? encoder.variables() : new Map<string, tf.Variable>(), rate),
      decoder: part('decoder', decoder.variables(), training.learningRate),
    };
    // Also of an encoder that rests in this stage.
    checkGroups(
      training,
      ['encoder', 'decoder'].flatMap((prefix) =>
        [...(prefix === 'encoder' ? encoder : decoder).variables().keys()].map((name) => `${prefix}.${name}`),
      ),
    );
    if (world.size > 1) this.buckets = new GradientBuckets(world, this.variables(), training.distributed);
    if (training.averageDecay !== null || share < 1) {
      this.shown = new ShownWeights(this.variables(), training.averageDecay, share);
    }
  }

  /** All that is trained, as `encoder.NAME` and `decoder.NAME`. */
  private variables(): Map<string, tf.Variable> {
    return new Map(
      Object.entries(this.parts).flatMap(([prefix, { variables }]) =>
        [...variables].map(([name, variable]) => [`${prefix}.${name}`, variable] as const),
      ),
    );
  }

  /**
   * @param batches whose mean loss per token is the step's; none only where other processes have some
   * @param share of the learning rates, by the schedule
   * @param stop whether this process wants to end the training
   * @param gives what the source of the step gives
   */
  run(
    batches: readonly MicroBatch[],
    share: number,
    { stop = false, gives = batches[0]?.gives }: { stop?: boolean; gives?: Source['gives'] } = {},
  ): StepResult {
    const together = this.buckets
      ? this.withOthers(this.buckets, batches, stop, gives !== 'features' && this.trainsEncoder)
      : { ...this.accumulated(batches), stop };
    const { loss, gradients, tokens, reward } = together;
    mark('clipping');
    const { clipNorm, clipValue } = this.config.training;
    const bounded = clipValue === null ? gradients : clipByValue(gradients, clipValue);
    // Encoder and decoder together.
    const { scale, norm, norms } = clippingScale(bounded, clipNorm ?? Number.POSITIVE_INFINITY);
    mark('optimizer');
    for (const [prefix, { optimizer, updates, variables }] of Object.entries(this.parts)) {
      const own: Gradients = new Map();
      for (const name of variables.keys()) {
        const gradient = bounded.get(`${prefix}.${name}`);
        if (gradient && updates.get(name)!.learningRate > 0) own.set(name, gradient);
      }
      if (own.size === 0) continue;
      const update = (name: string) => {
        const { learningRate, weightDecay } = updates.get(name)!;
        return { learningRate: learningRate * share, weightDecay };
      };
      optimizer.step(own, update, scale);
    }
    this.shown?.update();
    tf.dispose([...gradients.values(), ...bounded.values(), scale]);
    return {
      ...{ loss, tokens, reward, stop: together.stop },
      gradientNorm: norm,
      norms,
      names: [...bounded.keys()],
    };
  }

  /** Of all processes. Gradients are on their way while others are still computed. */
  private withOthers(
    buckets: GradientBuckets,
    batches: readonly MicroBatch[],
    stop: boolean,
    encoderLearns: boolean,
  ): Learnt & { stop: boolean } {
    const sums = buckets.begin(encoderLearns ? 'encoder and decoder' : 'decoder', batches.length);
    for (const batch of batches) sums.endBatch(this.learn(batch, sums));
    mark('other processes');
    return sums.finish(stop);
  }

  /** Mean loss per token of all batches, and its gradients in one name space. */
  private accumulated(batches: readonly MicroBatch[]): Learnt {
    const results = batches.map((batch) => this.learn(batch));
    if (results.length === 1) return results[0];
    const tokens = results.reduce((sum, result) => sum + result.tokens, 0);
    const images = results.reduce((sum, result) => sum + result.images, 0);
    const shares = results.map((result) => result.tokens / tokens);
    const mean = <T extends tf.Tensor>(parts: T[]): T => {
      const sum = tf.tidy(() => tf.addN(parts.map((part, i) => tf.mul<T>(part, shares[i]))));
      tf.dispose(parts);
      return sum;
    };
    return {
      loss: mean(results.map(({ loss }) => loss)),
      gradients: new Map(
        [...results[0].gradients.keys()].map((name) => [
          name,
          mean(results.map(({ gradients }) => gradients.get(name)!)),
        ]),
      ),
      tokens,
      images,
      ...(results[0].reward !== undefined && {
        reward: results.reduce((sum, { reward, images: own }) => sum + reward! * own, 0) / images,
      }),
    };
  }

  /**
   * Mean loss per token of a batch, and its gradients in one name space.
   * @param sums what takes each gradient as soon as it is complete
   */
  private learn(batch: MicroBatch, sums?: StepGradients): Learnt {
    const { input, gives } = batch;
    if (gives === 'features') return this.decoderOnly(batch, input, sums);
    if (this.trainsEncoder) return this.throughEncoder(batch, input as tf.Tensor4D, gives.after, sums);
    const features = tf.tidy(() => this.features(input as tf.Tensor4D, gives.after));
    const result = this.decoderOnly(batch, features, sums);
    features.dispose();
    return result;
  }

  /** What the decoder is asked for. */
  private options({ size, tokens, whole }: CaptionBatch, seed: number, sums?: StepGradients) {
    const { options } = this.objective;
    // Of the losses' mean over processes by tokens, this term is to be a mean by captions.
    const share = whole ? (size / whole.size) * (whole.tokens / tokens) : 1;
    return {
      ...options,
      doublyStochastic: (options.doublyStochastic ?? 0) * share,
      seed,
      listener: sums && {
        complete: (name: string, gradient: tf.Tensor) => sums.add(`decoder.${name}`, gradient, tokens),
        meanwhile: () => sums.advance(),
      },
    };
  }

  /** Of the encoder as it stands, from maps of its stage `after`. */
  private features(maps: tf.Tensor4D, after: string | null, training = false): tf.Tensor {
    const map = this.encoder.forward(maps, this.config.encoder.stage, { after, training });
    return poolForDecoder(this.encoder, this.decoder, map);
  }

  private decoderOnly(
    { batch, seed, epochs }: MicroBatch,
    features: tf.Tensor,
    sums?: StepGradients,
  ): Learnt {
    mark('captions');
    const lesson = this.lesson(() => features, batch, { seed, epochs });
    const rows = perCaption(features, lesson.batch);
    const options = this.options(lesson.batch, seed, sums);
    const { loss, gradients } = this.decoder.lossAndGradients(rows, lesson.batch, options);
    if (rows !== features) rows.dispose();
    return {
      loss,
      tokens: lesson.batch.tokens,
      images: batch.images.length,
      reward: lesson.reward,
      gradients: new Map([...gradients].map(([name, gradient]) => [`decoder.${name}`, gradient])),
    };
  }

  /** @param features what is made in it does not outlive the call */
  private lesson(features: () => tf.Tensor, batch: CaptionBatch, moment: Moment): Lesson {
    let lesson!: Lesson;
    tf.tidy(() => {
      lesson = this.objective.lesson(features, batch, moment);
    });
    return lesson;
  }

  private throughEncoder(
    { batch, seed, epochs }: MicroBatch,
    input: tf.Tensor4D,
    given: string | null,
    sums?: StepGradients,
  ): Learnt {
    const { stages, trainedFrom } = this.encoder;
    // What is frozen runs outside of automatic differentiation, which would keep all of its maps.
    const after = stages[stages.indexOf(trainedFrom!) - 1] ?? null;
    const maps = after === given ? input : this.encoder.forward(input, after, { after: given });
    mark('captions');
    const lesson = this.lesson(() => this.features(maps, after), batch, { seed, epochs });
    const variables = [...this.parts.encoder.variables.values(), ...this.parts.decoder.variables.values()];
    mark('encoder and decoder');
    const { value: loss, grads } = tf.variableGrads(
      () =>
        this.decoder.loss(
          perCaption(this.features(maps, after, true), lesson.batch),
          lesson.batch,
          this.options(lesson.batch, seed, sums),
        ),
      variables,
    );
    if (maps !== input) maps.dispose();
    const { tokens } = lesson.batch;
    const gradients: Gradients = new Map();
    for (const [name, variable] of this.variables()) {
      // Stages behind `encoder.stage` do not take part.
      const gradient = grads[variable.name];
      if (!gradient) continue;
      gradients.set(name, gradient);
      // Those of the decoder were complete before the encoder's backward pass began.
      if (name.startsWith('encoder.')) sums?.add(name, gradient, tokens);
    }
    return { loss, tokens, images: batch.images.length, reward: lesson.reward, gradients };
  }

  /** What the optimizers know, by `encoder.` and `decoder.`, and the weights to show, by `average.` and `start.`. */
  stateDict(): StateDict {
    const named = (prefix: string, state: StateDict) =>
      [...state].map(([name, entry]) => [`${prefix}.${name}`, entry] as const);
    return new Map([
      ...Object.entries(this.parts).flatMap(([prefix, { optimizer }]) =>
        named(prefix, optimizer.stateDict()),
      ),
      ...(this.shown?.stateDict() ?? []),
    ]);
  }

  loadState(state: StateDict): void {
    for (const [prefix, { optimizer }] of Object.entries(this.parts)) {
      optimizer.loadState(partOf(state, `${prefix}.`));
    }
    this.shown?.loadState(state);
  }

  dispose(): void {
    for (const { optimizer } of Object.values(this.parts)) optimizer.dispose();
    this.shown?.dispose();
  }
}

const inGroup = (name: string, names: readonly string[]) => names.some((start) => name.startsWith(start));

function updateOf(name: string, learningRate: number, { groups, weightDecay }: TrainingConfig): Update {
  const group = groups.find(({ names }) => inGroup(name, names));
  return {
    learningRate: group?.learningRate ?? learningRate,
    weightDecay: group?.weightDecay ?? weightDecay,
  };
}

/** @throws UserError for a group that no variable is in */
function checkGroups({ groups }: TrainingConfig, names: readonly string[]): void {
  for (const start of groups.flatMap((group) => group.names)) {
    if (names.some((name) => name.startsWith(start))) continue;
    throw new UserError(`training.groups: the name of no trained variable begins with "${start}"`, {
      hint: `they are ${names.slice(0, 4).join(', ')}, ...`,
    });
  }
}
