/** What a step learns from, once the features of its images are known. */
import type { tf } from '../../backend/index.js';
import type { CaptionBatch } from '../../data/index.js';
import type { SequenceOptions } from '../../models/index.js';

/** When a step happens. */
export interface Moment {
  /** 32-bit integer that decides all its random numbers */
  seed: number;
  /** epochs of the stage that lie behind it, with a fraction */
  epochs: number;
}

/** What is learnt. */
export interface Lesson {
  batch: CaptionBatch;
  /** Mean CIDEr-D of sampled captions, 0..10, where there are some. */
  reward?: number;
}

export interface Objective {
  readonly options: Pick<SequenceOptions, 'training' | 'labelSmoothing' | 'doublyStochastic' | 'never'>;
  /**
   * To be called within tf.tidy.
   * @param features of the batch's images (U, ...), computed where they are asked for
   * @param batch right captions
   */
  lesson(features: () => tf.Tensor, batch: CaptionBatch, moment: Moment): Lesson;
}
