/**
 * The big tensors of additive attention, (captions, places, attention units), here and nowhere else.
 *
 * Scores of a caption's P places, for its keys K (P, A) and query q (A):  e_p = w . relu(K_p + q).
 * As relu(K + q) = max(K, -q) + q, and the softmax does not see the w . q that all places share, one pass over K is
 * enough:  e_p = w . max(K_p, -q).
 *
 * Backward, with the mask M_pa = [K_pa > -q_a] and R_a = sum_p de_p M_pa, S_pa = sum over a caption's words of de_p M_pa:
 *   dq_a = w_a R_a             dK_pa = w_a S_pa
 *   dw_a = sum_p de_p (K_pa + q_a) M_pa, over all words = sum_p K_pa S_pa + sum over words of q_a R_a
 * so that R (for each word) and S (once a batch) are all that is ever taken from K again. K = X W + b makes the first
 * sum of dw (W . X'S) + b . sum S, and X'S is on the way to dW = X'S w anyway.
 */
import { currentBackend, isNative, nativeOp, tf } from '../../backend/index.js';
import { padRows } from './rows.js';

/**
 * Scores up to a constant of each row, (n k, P): k captions of each image lie together.
 * @param keys (n, P, A)
 * @param negativeQuery -q, (n k, A)
 * @param weight (A, 1)
 */
export function attentionScores(
  keys: tf.Tensor3D,
  negativeQuery: tf.Tensor2D,
  weight: tf.Tensor2D,
): tf.Tensor2D {
  return tf.tidy(() => {
    const [n, places, units] = keys.shape;
    const rows = negativeQuery.shape[0];
    const shared = tf.reshape(keys, [n, 1, places, units]);
    const threshold = tf.reshape(negativeQuery, [n, rows / n, 1, units]);
    // WebAssembly broadcasts sums by vector instructions, but comparisons element by element.
    const larger = isNative() ? tf.maximum(shared, threshold) : tf.relu(tf.sub(shared, threshold)); // (n, k, P, A)
    return tf.reshape(tf.matMul(tf.reshape(larger, [rows * places, units]), weight), [rows, places]);
  });
}

/** de M of one word of each caption, (n, P, A). @param dScores de, (n, P) */
export function maskedScores(
  keys: tf.Tensor3D,
  negativeQuery: tf.Tensor2D,
  dScores: tf.Tensor2D,
): tf.Tensor3D {
  return tf.tidy(() => {
    const [n, places, units] = keys.shape;
    const threshold = tf.reshape(negativeQuery, [n, 1, units]);
    const scores = tf.reshape(dScores, [n, places, 1]);
    if (!isNative()) return tf.mul(tf.step(tf.sub(keys, threshold)), scores);
    const mask = tf.greater(keys, threshold); // (n, P, A)
    return nativeOp('SelectV2', { T: { type: 'float32' } }, [mask, scores, tf.scalar(0)])[0] as tf.Tensor3D;
  });
}

/**
 * Sums tensors whose number of rows grows, row by row (going back in time, captions join). On a CPU it keeps a block for
 * each size seen, so that no step copies or pads the whole; on a GPU the number of operations is what counts.
 */
export class GrowingSum {
  private blocks: tf.Tensor3D[] = [];

  constructor(private readonly byBlocks = currentBackend().device === 'CPU') {}

  /** @param x (n, P, A), n never falling; stays the caller's */
  add(x: tf.Tensor3D): void {
    if (!this.byBlocks && this.blocks.length > 0) {
      const [before] = this.blocks;
      this.blocks = [tf.tidy(() => tf.add(padRows(before, x.shape[0]), x))];
      before.dispose();
      return;
    }
    let begin = 0;
    this.blocks = this.blocks.map((block) => {
      const end = begin + block.shape[0];
      const sum: tf.Tensor3D = tf.tidy(() => tf.add(block, tf.slice(x, begin, end - begin)));
      block.dispose();
      begin = end;
      return sum;
    });
    if (begin < x.shape[0]) this.blocks.push(tf.slice(x, begin, x.shape[0] - begin));
  }

  /** The sum, (B, P, A); ends this object. */
  total(): tf.Tensor3D {
    if (this.blocks.length === 1) return this.blocks[0];
    const total = tf.concat(this.blocks, 0);
    tf.dispose(this.blocks);
    return total;
  }
}
