/** The best next words: one operation where our kernels are loaded, which reads the logits once. */
import { hasKernels, kernel, logSumExp, tf } from '../../backend/index.js';

/** The logits of a step. */
export interface StepLogits {
  /** of the model, (R, V) */
  logits: tf.Tensor2D;
  /** those that the rules left, -infinity elsewhere, (R, V) */
  allowed: tf.Tensor2D;
}

/** What each row says next. */
export interface Choice {
  /** ids, (R) int32 */
  words: tf.Tensor1D;
  /** their log-probabilities, (R) */
  gain: tf.Tensor1D;
}

/** The likeliest word of each row. */
export function likeliest({ logits, allowed }: StepLogits): Choice {
  if (!hasKernels()) {
    return { words: tf.argMax(allowed, 1), gain: tf.sub(tf.max(allowed, 1), logSumExp(logits)) };
  }
  const rows = logits.shape[0];
  const { values, indices } = fromKernel({ logits, allowed }, tf.zeros([rows, 1]), 1);
  return { words: tf.reshape(indices, [rows]), gain: tf.reshape(values, [rows]) };
}

/**
 * The best continuations of k hypotheses of each of N images, R = N k.
 * @param before log-probabilities of the hypotheses, (N, k)
 * @param count how many of each image
 * @returns log-probabilities, falling, and hypothesis x V + word, both (N, count)
 */
export function bestContinuations(
  step: StepLogits,
  before: tf.Tensor2D,
  count: number,
): { values: tf.Tensor2D; indices: tf.Tensor2D } {
  if (hasKernels()) return fromKernel(step, before, count);
  const [images, each] = before.shape;
  const base = tf.sub(tf.reshape(before, [-1]), logSumExp(step.logits)); // (N k)
  const totals = tf.add(step.allowed, tf.expandDims(base, 1)); // (N k, V)
  return tf.topk(tf.reshape<tf.Rank.R2>(totals, [images, each * step.logits.shape[1]]), count);
}

function fromKernel({ logits, allowed }: StepLogits, before: tf.Tensor2D, count: number) {
  const [values, indices] = kernel(
    'Continuations',
    [allowed, logits, before, tf.tensor1d([count], 'int32')],
    2,
  );
  return { values, indices };
}
