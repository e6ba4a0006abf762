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
 * Norms of gradients, and what to multiply all of them by so that their global norm stays within `max`, as
 * torch.nn.utils.clip_grad_norm_: max / (norm + 1e-6), and never more than 1.
 */
export function clippingScale(
  gradients: Gradients,
  max: number,
): { scale: tf.Scalar; norm: tf.Scalar; norms: tf.Tensor1D } {
  const norms = tf.tidy(() => tf.sqrt(tf.stack([...gradients.values()].map(sumOfSquares))) as tf.Tensor1D);
  const norm = tf.tidy(() => tf.sqrt(tf.sum(tf.square(norms))) as tf.Scalar);
  const scale = tf.tidy(() => tf.minimum(tf.div(max, tf.add(norm, 1e-6)), 1) as tf.Scalar);
  return { scale, norm, norms };
}

/** Every number to -max..max, as torch.nn.utils.clip_grad_value_. The result holds new tensors. */
export function clipByValue(gradients: Gradients, max: number): Gradients {
  return new Map([...gradients].map(([name, gradient]) => [name, tf.clipByValue(gradient, -max, max)]));
}
