/**
 * Ancestral sampling with temperature, top-k (Fan et al. 2018) and top-p (Holtzman et al. 2020). Each caption draws from
 * a generator of its own, so that what it says depends on the seed and the image, not on the batch it is in.
 */
import { logSumExp, tf } from '../../backend/index.js';
import { Random } from '../../core/index.js';
import type { Choice, StepLogits } from './continuations.js';
import type { Search } from './options.js';

/** 1 - 2^-24, the largest float32 below 1. */
const BELOW_ONE = 1 - 2 ** -24;

/** @param keys of the images, for their generators; each of them gives `search.captions` captions */
export function sampler(
  search: Search,
  keys: readonly string[],
): (step: StepLogits, rows: number[]) => Choice {
  const { seed, captions } = search;
  const generators = keys.flatMap((key) =>
    Array.from({ length: captions }, (_, sample) => Random.for(seed, 'sample', key, sample)),
  );
  return ({ logits, allowed }, rows) => {
    const uniform = rows.map((row) => generators[row].next());
    const drawn = draw(allowed, search, uniform);
    return { words: drawn.words, gain: tf.sub(drawn.logits, logSumExp(logits)) };
  };
}

/**
 * @param allowed logits, (R, V)
 * @param uniform a number in [0, 1) for each row: where in the distribution the word lies
 * @returns ids, (R) int32, and their logits, (R)
 */
export function draw(
  allowed: tf.Tensor2D,
  { temperature, topK, topP }: Pick<Search, 'temperature' | 'topK' | 'topP'>,
  uniform: readonly number[],
): { words: tf.Tensor1D; logits: tf.Tensor1D } {
  const vocabularySize = allowed.shape[1];
  const threshold = tf.tensor1d(uniform.map((u) => Math.min(u, BELOW_ONE)));
  if (topK === null && topP === null) {
    const words = place(tf.softmax(tf.div<tf.Tensor2D>(allowed, temperature)), threshold);
    return { words, logits: valueAt(allowed, words) };
  }
  const best = tf.topk(allowed, Math.min(topK ?? vocabularySize, vocabularySize)); // (R, K)
  let probability = tf.softmax(tf.div<tf.Tensor2D>(best.values, temperature)); // (R, K), falling
  if (topP !== null) {
    const before = tf.cumsum(probability, 1, true); // the sum of what is likelier
    probability = tf.mul(probability, tf.cast(tf.less(before, topP), 'float32'));
  }
  const rank = place(probability, threshold); // (R)
  return {
    words: valueAt(best.indices, rank),
    logits: valueAt(best.values, rank),
  };
}

/** Where the running sum of each row passes the given share of the row's total: (R, K), (R) -> (R) int32. */
function place(weights: tf.Tensor2D, share: tf.Tensor1D): tf.Tensor1D {
  const [rows, width] = weights.shape;
  const running: tf.Tensor2D = tf.cumsum(weights, 1);
  const total = tf.slice(running, [0, width - 1], [rows, 1]);
  const passed = tf.lessEqual(running, tf.mul(total, tf.reshape(share, [rows, 1])));
  return tf.sum(tf.cast(passed, 'int32'), 1);
}

/** The element of each row at its index: (R, K), (R) -> (R). */
function valueAt(values: tf.Tensor, index: tf.Tensor1D): tf.Tensor1D {
  const rows = tf.range(0, values.shape[0]!, 1, 'int32');
  return tf.gatherND(values, tf.stack([rows, index], 1)) as tf.Tensor1D;
}
