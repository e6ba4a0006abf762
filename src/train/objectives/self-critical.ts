/**
 * Self-critical sequence training (Rennie et al. 2017): captions drawn from the decoder become likelier by as much as their
 * CIDEr-D lies above a baseline, and less likely below it. The loss, -A log p of every drawn word with A the advantage of its
 * caption, is the cross-entropy of the drawn captions with weights A, so that the decoder's own sequence computes it.
 */
import type { tf } from '../../backend/index.js';
import type { SelfCriticalConfig } from '../../config/index.js';
import {
  BOS,
  EOS,
  PAD,
  packRows,
  type CaptionBatch,
  type CaptionRow,
  type Vocabulary,
} from '../../data/index.js';
import { decode, type DecodedCaption } from '../../infer/index.js';
import type { Decoder } from '../../models/index.js';
import type { Objective } from './objective.js';
import type { CiderReward } from './reward.js';

export interface SelfCriticalOptions extends Omit<
  SelfCriticalConfig,
  'epochs' | 'learningRate' | 'schedule' | 'trainEncoder' | 'interpolation'
> {
  /** words at which a caption that has not ended is left */
  maxWords: number;
  reward: CiderReward;
  vocabulary: Vocabulary;
}

export function selfCritical(decoder: Decoder, options: SelfCriticalOptions): Objective {
  return {
    // Smoothing and doubly stochastic attention belong to right captions. What is never drawn must not gain probability
    // either: it would, for nothing holds it down.
    options: { training: options.dropout, never: [PAD, BOS] },
    lesson: (features, batch, { seed }) => lessonOf(decoder, features(), batch, seed, options),
  };
}

function lessonOf(
  decoder: Decoder,
  features: tf.Tensor,
  batch: CaptionBatch,
  seed: number,
  options: SelfCriticalOptions,
): { batch: CaptionBatch; reward: number } {
  const { samples, baseline, crossEntropy, maxWords, reward, vocabulary } = options;
  const { images } = batch;
  // `<unk>` may be drawn, and earns nothing: the decoder unlearns it.
  const search = { maxWords, unknownWords: true };
  const drawn = decode(decoder, features, {
    ...search,
    ...{ strategy: 'sample', captions: samples, seed, keys: images },
  });
  const rewards = (captions: DecodedCaption[][]): number[] =>
    reward.of(
      captions.flatMap((own, i) =>
        own.map(({ ids, finished }) => ({
          image: images[i],
          words: ids.map((id) => vocabulary.wordOf(id)),
          finished,
        })),
      ),
    );
  const earned = rewards(drawn); // (U x samples)
  const sums = images.map((_, i) =>
    earned.slice(i * samples, (i + 1) * samples).reduce((sum, value) => sum + value, 0),
  );
  const greedy = baseline === 'greedy' ? rewards(decode(decoder, features, search)) : null;
  const advantages = earned.map((own, row) => {
    const image = Math.floor(row / samples);
    return own - (greedy ? greedy[image] : (sums[image] - own) / (samples - 1));
  });
  const rows = drawn.flat().map(({ ids, finished }, row): CaptionRow => ({
    image: images[Math.floor(row / samples)],
    targets: finished ? [...ids, EOS] : ids,
    weight: advantages[row],
    key: keyOf(batch, Math.floor(row / samples)) * (samples + 1) + (row % samples),
  }));
  return {
    batch: packRows(crossEntropy > 0 ? mixed(rows, rowsOf(batch, samples), crossEntropy) : rows, images),
    reward: earned.reduce((sum, value) => sum + value, 0) / earned.length,
  };
}

/** Captions of both kinds, of which the right ones have `share` of the loss where all are equally long. */
function mixed(drawn: CaptionRow[], right: CaptionRow[], share: number): CaptionRow[] {
  const all = drawn.length + right.length;
  const weighted = (rows: CaptionRow[], part: number) =>
    rows.map((row) => ({ ...row, weight: ((row.weight ?? 1) * part * all) / rows.length }));
  return [...weighted(drawn, 1 - share), ...weighted(right, share)];
}

/** Of the first right caption of an image: the same whichever process has the image. */
function keyOf({ imageOfRow, keys }: CaptionBatch, image: number): number {
  const row = imageOfRow.indexOf(image);
  return keys?.[row] ?? row;
}

function rowsOf(batch: CaptionBatch, samples: number): CaptionRow[] {
  const { images, imageOfRow, targets, lengths, steps, keys } = batch;
  return Array.from(lengths, (length, b) => ({
    image: images[imageOfRow[b]],
    key: (keys?.[b] ?? b) * (samples + 1) + samples,
    targets: [...targets.subarray(b * steps, b * steps + length)],
  }));
}
