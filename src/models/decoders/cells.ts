/** Arithmetic that steps and sequences share. */
import { hasKernels, keptNumbers, matrixProducts, tf } from '../../backend/index.js';

/** x W + b: (B, in) -> (B, out); has no gradient of its own. */
export function linear(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor2D {
  if (!hasKernels()) return tf.add(tf.matMul(x as tf.Tensor2D, weight as tf.Tensor2D), bias);
  const products = matrixProducts();
  const y = products.affine(x as tf.Tensor2D, weight as tf.Tensor2D, bias);
  products.dispose();
  return y;
}

/**
 * 0 with probability `rate`, else 1 / (1 - rate).
 * @param keys what each row draws by, (N), see `rowKeys`
 * @returns (N, width)
 */
export function dropoutMask(keys: Int32Array, width: number, rate: number): tf.Tensor2D {
  return tf.tidy(() => tf.mul(keptNumbers(keys, width, rate), 1 / (1 - rate)));
}
