/** Teacher forcing: the next word of right captions, behind right words or, by scheduled sampling, some of the decoder's own. */
import type { ScheduledSamplingConfig, TrainingConfig } from '../../config/index.js';
import type { Decoder } from '../../models/index.js';
import type { Objective } from './objective.js';
import { mixInputs } from './scheduled-sampling.js';

export function crossEntropy(decoder: Decoder, training: TrainingConfig): Objective {
  const { labelSmoothing, doublyStochastic, scheduledSampling } = training;
  return {
    options: { training: true, labelSmoothing, doublyStochastic },
    lesson(features, batch, { seed, epochs }) {
      if (scheduledSampling === null) return { batch };
      const share = shareOfRightWords(scheduledSampling, epochs);
      return { batch: mixInputs(decoder, features, batch, share, seed) };
    },
  };
}

/**
 * Bengio et al. 2015, section 2.4, with epochs in place of its steps.
 * @param epochs so far, with a fraction
 */
export function shareOfRightWords(config: ScheduledSamplingConfig, epochs: number): number {
  switch (config.decay) {
    case 'linear':
      return Math.max(config.floor, 1 - config.perEpoch * epochs);
    case 'exponential':
      return config.base ** epochs;
    case 'inverse-sigmoid':
      return config.k / (config.k + Math.exp(epochs / config.k));
  }
}
