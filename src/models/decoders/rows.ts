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

/** x with rows of zeros added at the end, to `count` rows; (n, ..) -> (count, ..). */
export function padRows<T extends tf.Tensor>(x: T, count: number): T {
  const missing = count - x.shape[0];
  if (missing === 0) return x;
  return tf.pad(
    x,
    x.shape.map((_, axis): [number, number] => [0, axis === 0 ? missing : 0]),
  );
}
