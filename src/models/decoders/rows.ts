/** Row blocks of packed tensors. Slices of leading rows share memory on native TensorFlow: they cost no copy. */
import { tf } from '../../backend/index.js';

/** The first `count` rows of (n, ...). */
export function firstRows<T extends tf.Tensor>(x: T, count: number): T {
  return x.shape[0] === count ? x : tf.slice(x, 0, count);
}

/** Rows `begin` .. `end` of (n, ...). */
export function rowsBetween<T extends tf.Tensor>(x: T, begin: number, end: number): T {
  return tf.slice(x, begin, end - begin);
}

/** x with rows of zeros added at the end, to `count` rows; (n, k) -> (count, k). */
export function padRows(x: tf.Tensor2D, count: number): tf.Tensor2D {
  const missing = count - x.shape[0];
  return missing === 0
    ? x
    : tf.pad(x, [
        [0, missing],
        [0, 0],
      ]);
}
