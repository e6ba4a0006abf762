/** Arithmetic that steps and sequences share. */
import { fnv1a } from '../../core/index.js';
import { hasKernels, kernel, randomUniform, tf } from '../../backend/index.js';

/** Rows up to which our kernels read a weight matrix faster as it is than TensorFlow lays it out anew. */
const FEW_ROWS = 64;

/** x W + b: (B, in) -> (B, out); has no gradient of its own. */
export function linear(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor2D {
  if (hasKernels() && x.shape[0] <= FEW_ROWS) return kernel('Linear', [x, weight, bias], 1)[0];
  return tf.add(tf.matMul(x as tf.Tensor2D, weight as tf.Tensor2D), bias);
}

/**
 * 0 with probability `rate`, else 1 / (1 - rate).
 * @param seed of the step, a 32-bit integer
 * @param place which dropout of the network this is; each draws numbers of its own
 */
export function dropoutMask(shape: number[], rate: number, seed: number, place: string): tf.Tensor2D {
  return tf.tidy(() => {
    const kept = tf.greaterEqual(randomUniform(shape, fnv1a(`${seed}/${place}`)), rate);
    return tf.mul(tf.cast(kept, 'float32'), 1 / (1 - rate)) as tf.Tensor2D;
  });
}
