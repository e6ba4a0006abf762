/** Arithmetic that steps and sequences share. */
import { hasKernels, kernelAffine, keptNumbers, tf } from '../../backend/index.js';

/**
 * x W + b: (B, in) -> (B, out); has no gradient of its own.
 * @param packed the weight as our kernels read it (products.ts), where it is there
 */
export function linear(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, packed?: tf.Tensor): tf.Tensor2D {
  const [left, right] = [x as tf.Tensor2D, weight as tf.Tensor2D];
  return hasKernels() ? kernelAffine(left, right, bias, packed) : tf.add(tf.matMul(left, right), bias);
}

/**
 * 0 with probability `rate`, else 1 / (1 - rate).
 * @param keys what each row draws by, (N), see `rowKeys`
 * @returns (N, width)
 */
export function dropoutMask(keys: Int32Array, width: number, rate: number): tf.Tensor2D {
  return tf.tidy(() => tf.mul(keptNumbers(keys, width, rate), 1 / (1 - rate)));
}
