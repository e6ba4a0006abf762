/** The stages of a training: cross-entropy on right captions, then, where it is asked for, self-critical training. */
import type { Config } from '../config/index.js';
import { tokenize } from '../data/index.js';
import type { TrainingData } from './data.js';
import { CiderReward, crossEntropy, selfCritical, type Objective } from './objectives/index.js';
import { shareOfRate } from './schedule.js';
import type { Position } from './state.js';

export interface Stage {
  name: 'cross-entropy' | 'self-critical';
  objective: Objective;
  trainsEncoder: boolean;
  /** How far the weights to show lie on the way from those that the stage starts with. */
  share: number;
  batches: TrainingData['batches'];
  /** Epochs and steps of the training that lie before it. */
  before: { epoch: number; step: number };
  /** Last epoch of it. */
  lastEpoch: number;
  /** What the learning rates of the configuration are multiplied by in the position's step. */
  shareOfRates(position: Position): number;
}

/** The stage that a position is in. */
export function stageOf(config: Config, data: TrainingData, position: Position): Stage {
  const { training, text } = config;
  const stepsPerEpoch = (batches: TrainingData['batches']) => Math.ceil(batches.count / training.accumulate);
  if (position.selfCritical === null) {
    return {
      name: 'cross-entropy',
      objective: crossEntropy(data.decoder, training),
      trainsEncoder: true,
      share: 1,
      batches: data.batches,
      before: { epoch: 0, step: 0 },
      lastEpoch: training.epochs,
      shareOfRates: (now) => shareOfRate(training, { ...now, stepsPerEpoch: stepsPerEpoch(data.batches) }),
    };
  }
  const { epochs, learningRate, schedule, trainEncoder, interpolation, ...options } = training.selfCritical!;
  const before = position.selfCritical;
  const batches = data.batches.onePerImage(Math.max(1, Math.floor(training.batchSize / options.samples)));
  const reward = new CiderReward(data.train, (caption) => tokenize(caption, text.tokenizer));
  return {
    name: 'self-critical',
    objective: selfCritical(data.decoder, {
      ...options,
      maxWords: text.maxWords,
      vocabulary: data.vocabulary,
      reward,
    }),
    trainsEncoder: trainEncoder,
    share: interpolation,
    batches,
    before,
    lastEpoch: before.epoch + epochs,
    shareOfRates: ({ step, epoch, plateau }) =>
      (learningRate / training.learningRate) *
      shareOfRate(
        { ...training, schedule, epochs, warmup: 0 },
        {
          step: step - before.step,
          epoch: epoch - before.epoch,
          stepsPerEpoch: stepsPerEpoch(batches),
          plateau,
        },
      ),
  };
}
