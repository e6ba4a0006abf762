/**
 * A packed batch: captions sorted by falling length, so that step t concerns the first `rows[t]` captions alone, and
 * the words of all steps, one step after the other, form one list without padding (as PyTorch's PackedSequence).
 */
import type { TeacherForcedBatch } from './types.js';

export interface PackedBatch {
  /** captions that have a word at step t, falling, (T) */
  rows: number[];
  /** where step t begins in the packed list, (T + 1); the last one is N, the words of the batch */
  offsets: number[];
  /** word ids fed in, (N) */
  inputs: Int32Array;
  /** word ids to predict, (N) */
  targets: Int32Array;
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
  const inputs = new Int32Array(words);
  const targets = new Int32Array(words);
  rows.forEach((n, t) => {
    for (let b = 0; b < n; b++) {
      inputs[offsets[t] + b] = batch.inputs[b * steps + t];
      targets[offsets[t] + b] = batch.targets[b * steps + t];
    }
  });
  return { rows, offsets, inputs, targets };
}
