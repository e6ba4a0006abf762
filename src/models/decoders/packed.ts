/**
 * A packed batch: captions sorted by falling length, so that step t concerns the first `rows[t]` captions alone, and
 * the words of all steps, one step after the other, form one list (as PyTorch's PackedSequence). The list is filled up
 * to a multiple of 32: oneDNN prepares, and keeps, every matrix product by its sizes, and each batch has another number
 * of words. Rows that fill up hold zeros in at least one factor of every product, and no loss counts them.
 */
import { tf } from '../../backend/index.js';
import { fnv1a, mix32 } from '../../core/index.js';
import type { TeacherForcedBatch } from './types.js';

/** What numbers of rows are filled up to. */
export const MULTIPLE = 32;

export interface PackedBatch {
  /** captions that have a word at step t, falling, (T) */
  rows: number[];
  /** where step t begins in the packed list, (T + 1); the last one is the words of the batch */
  offsets: number[];
  /** words of the batch, and behind them the rows that fill up */
  words: number;
  filling: number;
  /** word ids fed in, (N) with N = words + filling */
  inputs: Int32Array;
  /** word ids to predict, (N) */
  targets: Int32Array;
  /** what the dropout of each caption is drawn by, (B) */
  keys: Int32Array;
  /** what each word's cross-entropy counts for in the loss, (N): its caption's weight over the number of words */
  shares: Float32Array;
}

/** The steps' rows as one list, filled up with zeros: (rows[t], k) for each t -> (N, k). */
export function concatSteps(steps: tf.Tensor2D[], filling: number): tf.Tensor2D {
  const rest = filling > 0 ? [tf.zeros<tf.Rank.R2>([filling, steps[0].shape[1]])] : [];
  return tf.concat([...steps, ...rest], 0);
}

/** The batch in packed order; throws when captions are not sorted by falling length. */
export function pack(batch: TeacherForcedBatch): PackedBatch {
  const { size, steps, lengths } = batch;
  for (let b = 0; b < size; b++) {
    if (lengths[b] < 1 || lengths[b] > steps || (b > 0 && lengths[b] > lengths[b - 1])) {
      throw new Error(
        `Captions must be sorted by falling length within 1..${steps}; row ${b} has ${lengths[b]}.`,
      );
    }
  }
  const rows: number[] = [];
  const offsets = [0];
  for (let t = 0; t < steps && lengths[0] > t; t++) {
    let n = 0;
    while (n < size && lengths[n] > t) n++;
    rows.push(n);
    offsets.push(offsets[t] + n);
  }
  const words = offsets[rows.length];
  const filling = Math.ceil(words / MULTIPLE) * MULTIPLE - words;
  const inputs = new Int32Array(words + filling);
  const targets = new Int32Array(words + filling);
  const shares = new Float32Array(words + filling);
  rows.forEach((n, t) => {
    for (let b = 0; b < n; b++) {
      inputs[offsets[t] + b] = batch.inputs[b * steps + t];
      targets[offsets[t] + b] = batch.targets[b * steps + t];
      shares[offsets[t] + b] = (batch.weights?.[b] ?? 1) / words;
    }
  });
  const keys = batch.keys ?? Int32Array.from({ length: size }, (_, b) => b);
  return { rows, offsets, words, filling, inputs, targets, shares, keys };
}

/**
 * What each packed row's dropout is drawn by: the seed, the place in the network, the caption's key and the number of the
 * word. It does not depend on what else is in the batch.
 * @param seed of the step, a 32-bit integer
 * @param place which dropout of the network this is
 * @param images whether the images' rows, one for each caption, stand before the words
 * @returns (N), or (B + N)
 */
export function rowKeys(
  { rows, keys, filling }: PackedBatch,
  seed: number,
  place: string,
  images = false,
): Int32Array {
  const base = fnv1a(`${seed}/${place}`);
  const all: number[] = [];
  const add = (n: number, step: number) => {
    for (let b = 0; b < n; b++) all.push(mix32(mix32(base ^ Math.imul(keys[b] + 1, 0x9e3779b1)) + step));
  };
  if (images) add(keys.length, 0);
  rows.forEach((n, t) => add(n, t + 1));
  return Int32Array.from({ length: all.length + filling }, (_, i) => all[i] ?? 0);
}
