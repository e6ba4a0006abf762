/** Which rows of a batch a process trains on, and how the gradients of all processes become one. */
import { tf } from '../backend/index.js';
import type { CaptionBatch } from '../data/index.js';
import type { World } from '../distributed/index.js';
import type { Gradients, Variables } from './optimizers/index.js';

/** Numbers that are summed in one call: few calls, and no second copy of all gradients. */
const BUCKET = 1 << 22;

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

/** Of one process, or of all of them. */
export interface Learnt {
  /** Mean per token. */
  loss: tf.Scalar;
  gradients: Gradients;
  tokens: number;
  reward?: number;
  /** That the reward is a mean over. */
  images: number;
}

/**
 * The mean of all processes, each counting as much as its tokens. Takes over what is given.
 * @param own null: this process had no row
 * @param stop whether this process wants to end the training; one is enough
 */
export function meanOverAll(
  world: World,
  variables: Variables,
  own: Learnt | null,
  stop = false,
): Learnt & { stop: boolean } {
  const tokens = own?.tokens ?? 0;
  const names = [...variables.keys()];
  const facts = Float32Array.of(
    ...[Number(stop), tokens, own ? own.loss.dataSync()[0] * tokens : 0],
    ...(own?.reward === undefined ? [0, 0] : [own.reward * own.images, own.images]),
    ...names.map((name) => Number(own?.gradients.has(name) ?? false)),
  );
  own?.loss.dispose();
  world.sum(facts);
  const [stops, all, loss, reward, rewarded, ...present] = facts;
  const learnt = names.filter((_, i) => present[i] > 0);
  const gradients: Gradients = new Map();
  for (const bucket of bucketsOf(learnt, (name) => variables.get(name)!.size)) {
    const sizes = bucket.map((name) => variables.get(name)!.size);
    const values = new Float32Array(sizes.reduce((sum, size) => sum + size, 0));
    let offset = 0;
    bucket.forEach((name, i) => {
      const gradient = own?.gradients.get(name);
      if (gradient) {
        const scaled = tf.tidy(() => tf.mul(gradient, tokens / all));
        values.set(scaled.dataSync<'float32'>(), offset);
        tf.dispose([gradient, scaled]);
      }
      offset += sizes[i];
    });
    world.sum(values);
    offset = 0;
    bucket.forEach((name, i) => {
      gradients.set(name, tf.tensor(values.slice(offset, offset + sizes[i]), variables.get(name)!.shape));
      offset += sizes[i];
    });
  }
  return {
    loss: tf.scalar(loss / all),
    gradients,
    tokens: all,
    stop: stops > 0,
    images: rewarded,
    ...(rewarded > 0 && { reward: reward / rewarded }),
  };
}

/** Names in their order, as many together as fit a bucket. */
function bucketsOf(names: readonly string[], sizeOf: (name: string) => number): string[][] {
  const buckets: string[][] = [];
  let room = 0;
  for (const name of names) {
    const size = sizeOf(name);
    if (size > room) {
      buckets.push([]);
      room = BUCKET;
    }
    buckets.at(-1)!.push(name);
    room -= size;
  }
  return buckets;
}
