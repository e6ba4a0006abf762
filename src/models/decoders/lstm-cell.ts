/**
 * One time step of an LSTM after its matrix products, with the backward pass by hand.
 *
 *   i, f, o = sigmoid(..), g = tanh(..), c = f c_ + i g, h = o tanh(c)          c_: the cell before, d: gradient
 *   dc += dh o (1 - tanh(c)^2);  do = dh tanh(c), df = dc c_, di = dc g, dg = dc i;  dc_ = dc f
 */
import { isNative, nativeOp, tf } from '../../backend/index.js';

/** What the backward pass reads again; all (n, H), `sigmoids` (n, 3H) is i, f, o side by side. */
export type CellTrace = {
  sigmoids: tf.Tensor2D;
  g: tf.Tensor2D;
  tanhC: tf.Tensor2D;
  before: tf.Tensor2D;
};

/** dy y (1 - y): the gradient before a sigmoid that gave y. */
export function sigmoidGradient<T extends tf.Tensor>(y: T, dy: T): T {
  if (isNative()) return nativeOp('SigmoidGrad', { T: { type: 'float32' } }, [y, dy])[0] as T;
  return tf.mul(dy, tf.mul(y, tf.sub(1, y)));
}

/** dy (1 - y^2): the gradient before a tanh that gave y. */
export function tanhGradient<T extends tf.Tensor>(y: T, dy: T): T {
  if (isNative()) return nativeOp('TanhGrad', { T: { type: 'float32' } }, [y, dy])[0] as T;
  return tf.mul(dy, tf.sub(1, tf.square(y)));
}

/**
 * @param gates i, f, o, g before their sigmoids and tanh, (n, 4H)
 * @param before the cell state, (n, H)
 */
export function cellForward(
  gates: tf.Tensor2D,
  before: tf.Tensor2D,
): { h: tf.Tensor2D; c: tf.Tensor2D; trace: CellTrace } {
  const size = before.shape[1];
  const [three, last] = tf.split(gates, [3 * size, size], 1) as [tf.Tensor2D, tf.Tensor2D];
  const sigmoids = tf.sigmoid(three);
  const g = tf.tanh(last);
  const [i, f, o] = tf.split(sigmoids, 3, 1);
  const c: tf.Tensor2D = tf.add(tf.mul(f, before), tf.mul(i, g));
  const tanhC = tf.tanh(c);
  return { h: tf.mul(o, tanhC), c, trace: { sigmoids, g, tanhC, before } };
}

/**
 * @param dh gradient of h, (n, H)
 * @param dc gradient of c by way of the later steps, (n, H), or null at the last one
 * @returns gradients of the gates before their sigmoids and tanh (n, 4H) and of the cell state before (n, H)
 */
export function cellBackward(
  { sigmoids, g, tanhC, before }: CellTrace,
  dh: tf.Tensor2D,
  dc: tf.Tensor2D | null,
): { dGates: tf.Tensor2D; dBefore: tf.Tensor2D } {
  const [i, f, o] = tf.split(sigmoids, 3, 1);
  const own = tanhGradient(tanhC, tf.mul(dh, o) as tf.Tensor2D);
  const dCell: tf.Tensor2D = dc ? tf.add(own, dc) : own;
  const dSigmoids = tf.concat(
    [tf.mul(dCell, g), tf.mul(dCell, before), tf.mul(dh, tanhC)] as tf.Tensor2D[],
    1,
  );
  const dG = tanhGradient(g, tf.mul(dCell, i) as tf.Tensor2D);
  return {
    dGates: tf.concat([sigmoidGradient(sigmoids, dSigmoids), dG], 1),
    dBefore: tf.mul(dCell, f),
  };
}
