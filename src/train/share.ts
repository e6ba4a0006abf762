/** Which rows of a batch a process trains on. */
import type { CaptionBatch } from '../data/index.js';
import type { World } from '../distributed/index.js';

/**
 * The rows of this process's images: every `size`-th, so that captions of all lengths are shared out evenly.
 * @returns null where there is none
 */
export function shareOf(
  batch: CaptionBatch,
  { rank, size }: Pick<World, 'rank' | 'size'>,
): CaptionBatch | null {
  if (size === 1) return batch;
  const mine = batch.images.map((_, image) => image).filter((image) => image % size === rank);
  const rows = [...batch.lengths.keys()].filter((row) => batch.imageOfRow[row] % size === rank);
  if (rows.length === 0) return null;
  const lengths = Int32Array.from(rows, (row) => batch.lengths[row]);
  const steps = lengths[0]; // they fall
  const of = (values: Int32Array) => {
    const own = new Int32Array(rows.length * steps);
    rows.forEach((row, i) =>
      own.set(values.subarray(row * batch.steps, row * batch.steps + steps), i * steps),
    );
    return own;
  };
  const { keys, weights } = batch;
  return {
    images: mine.map((image) => batch.images[image]),
    imageOfRow: Int32Array.from(rows, (row) => Math.floor(batch.imageOfRow[row] / size)),
    ...{ size: rows.length, steps, lengths, inputs: of(batch.inputs), targets: of(batch.targets) },
    tokens: lengths.reduce((sum, length) => sum + length, 0),
    // Dropout follows the caption, not the process.
    keys: Int32Array.from(rows, (row) => keys?.[row] ?? row),
    ...(weights && { weights: Float32Array.from(rows, (row) => weights[row]) }),
    whole: { size: batch.size, tokens: batch.tokens },
  };
}
