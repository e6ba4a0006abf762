/**
 * One time step of an LSTM after its matrix products, with the backward pass by hand.
 *
 *   i, f, o = sigmoid(..), g = tanh(..), c = f c_ + i g, h = o tanh(c)          c_: the cell before, d: gradient
 *   dc += dh o (1 - tanh(c)^2);  do = dh tanh(c), df = dc c_, di = dc g, dg = dc i;  dc_ = dc f
 */
import { hasKernels, isNative, kernel, nativeOp, tf } from '../../backend/index.js';
import { padRows } from './rows.js';

/** What the backward pass reads again; all (n, H) unless said otherwise. */
export type CellTrace = { tanhC: tf.Tensor2D; before: tf.Tensor2D } & (
  | {
      /** i, f, o side by side, (n, 3H) */
      sigmoids: tf.Tensor2D;
      g: tf.Tensor2D;
    }
  | {
      /** i, f, o, g side by side, (n, 4H) */
      active: tf.Tensor2D;
    }
);

/** What adds up to the gates i, f, o, g before their sigmoids and tanh. */
export interface GateTerms {
  /** (n, 4H) */
  words: tf.Tensor2D;
  /** (n, 4H or more); the first columns count */
  state: tf.Tensor2D;
  /** (4H or more); the first numbers count */
  bias: tf.Tensor1D;
  /** (n, 4H) */
  context?: tf.Tensor2D;
}

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

/** @param before the cell state, (n, H) */
export function cellForward(
  terms: GateTerms,
  before: tf.Tensor2D,
): { h: tf.Tensor2D; c: tf.Tensor2D; trace: CellTrace } {
  const size = before.shape[1];
  if (hasKernels()) {
    const context = terms.context ?? tf.zeros([0, 4 * size]);
    const inputs = [terms.words, terms.state, context, terms.bias, before];
    const [h, c, active, tanhC] = kernel('Cell', inputs, 4);
    return { h, c, trace: { active, tanhC, before } };
  }
  const { words, state, bias, context } = terms;
  const own = (x: tf.Tensor) => (x.shape.at(-1) === 4 * size ? x : tf.split(x, [4 * size, -1], -1)[0]);
  const gates = tf.addN([words, tf.add(own(state), own(bias)), ...(context ? [context] : [])]); // (n, 4H)
  const [three, last] = tf.split(gates, [3 * size, size], 1) as [tf.Tensor2D, tf.Tensor2D];
  const sigmoids = tf.sigmoid(three);
  const g = tf.tanh(last);
  const [i, f, o] = tf.split(sigmoids, 3, 1);
  const c: tf.Tensor2D = tf.add(tf.mul(f, before), tf.mul(i, g));
  const tanhC = tf.tanh(c);
  return { h: tf.mul(o, tanhC), c, trace: { sigmoids, g, tanhC, before } };
}

/**
 * @param own gradient of h by way of the step's output, (n, H)
 * @param later gradients of h and c by way of the next step, which may have fewer rows; null at the last one
 * @returns gradients of the gates before their sigmoids and tanh (n, 4H) and of the cell state before (n, H)
 */
export function cellBackward(
  trace: CellTrace,
  own: tf.Tensor2D,
  later: { dh: tf.Tensor2D; dc: tf.Tensor2D } | null,
): { dGates: tf.Tensor2D; dBefore: tf.Tensor2D } {
  const { tanhC, before } = trace;
  const [n, size] = before.shape;
  if ('active' in trace) {
    const { dh, dc } = later ?? { dh: tf.zeros([0, size]), dc: tf.zeros([0, size]) };
    const [dGates, dBefore] = kernel('CellGradient', [own, dh, dc, trace.active, tanhC, before], 2);
    return { dGates, dBefore };
  }
  const { sigmoids, g } = trace;
  const dh: tf.Tensor2D = later ? tf.add(own, padRows(later.dh, n)) : own;
  const [i, f, o] = tf.split(sigmoids, 3, 1);
  const viaOutput = tanhGradient(tanhC, tf.mul(dh, o) as tf.Tensor2D);
  const dCell: tf.Tensor2D = later ? tf.add(viaOutput, padRows(later.dc, n)) : viaOutput;
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
