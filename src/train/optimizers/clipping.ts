/** Gradients kept within bounds, in PyTorch's arithmetic; nothing is read back. */
import { isNative, nativeOp, tf } from '../../backend/index.js';

/** Gradients by the names of their variables. */
export type Gradients = Map<string, tf.Tensor>;

/** On native TensorFlow without writing the squares to memory. */
function sumOfSquares(x: tf.Tensor): tf.Tensor {
  if (!isNative()) return tf.sum(tf.square(x));
  return tf.mul(nativeOp('L2Loss', { T: { type: 'float32' } }, [x])[0], 2);
}

/**
 * Scales gradients as torch.nn.utils.clip_grad_norm_: by max / (norm + 1e-6), and never up. The result holds new
 * tensors; the given ones stay the caller's.
 * @returns norms as well: that of each gradient, before
 */
export function clipByGlobalNorm(
  gradients: Gradients,
  max: number,
): { gradients: Gradients; norm: tf.Scalar; norms: tf.Tensor1D } {
  const norms = tf.tidy(() => tf.sqrt(tf.stack([...gradients.values()].map(sumOfSquares))) as tf.Tensor1D);
  const norm = tf.tidy(() => tf.sqrt(tf.sum(tf.square(norms))) as tf.Scalar);
  const scale = tf.tidy(() => tf.minimum(tf.div(max, tf.add(norm, 1e-6)), 1));
  const clipped = new Map([...gradients].map(([name, gradient]) => [name, tf.mul(gradient, scale)]));
  scale.dispose();
  return { gradients: clipped, norm, norms };
}

/** Every number to -max..max, as torch.nn.utils.clip_grad_value_. The result holds new tensors. */
export function clipByValue(gradients: Gradients, max: number): Gradients {
  return new Map([...gradients].map(([name, gradient]) => [name, tf.clipByValue(gradient, -max, max)]));
}
