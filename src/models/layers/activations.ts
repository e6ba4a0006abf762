/** Piecewise linear activations; the hard ones are those of MobileNetV3 (Howard et al. 2019, section 5.2). */
import { tf } from '../../backend/index.js';

/** relu6(x + 3) / 6 */
export function hardSigmoid<T extends tf.Tensor>(x: T): T {
  return tf.mul(tf.relu6(tf.add(x, 3)), 1 / 6);
}

/** x relu6(x + 3) / 6 */
export function hardSwish<T extends tf.Tensor>(x: T): T {
  return tf.mul(x, hardSigmoid(x));
}

/** By the names that the kernels of `native/bias.cc` end in. */
export const activations = {
  None: <T extends tf.Tensor>(x: T): T => x,
  Relu: <T extends tf.Tensor>(x: T): T => tf.relu(x),
  Relu6: <T extends tf.Tensor>(x: T): T => tf.relu6(x),
  HardSigmoid: hardSigmoid,
  HardSwish: hardSwish,
};

export type Activation = keyof typeof activations;
