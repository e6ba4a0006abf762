/**
 * BatchNorm by the statistics of the batch (Ioffe and Szegedy 2015), for encoders that start from random weights.
 * y = gamma (x - m) / sqrt(v + eps) + beta with mean m and variance v of each channel over the batch and its places.
 */
import { tf } from '../../backend/index.js';

/** Share of a step's statistics in the running ones, as PyTorch's `momentum`. */
export const MOMENTUM = 0.1;

export interface BatchNormSpec {
  gamma: tf.Tensor1D;
  beta: tf.Tensor1D;
  epsilon: number;
  /** Takes the mean (C) and the unbiased variance (C) of the batch, for use when there is no batch. */
  seen(mean: tf.Tensor1D, variance: tf.Tensor1D): void;
}

/**
 * (B, H, W, C) -> (B, H, W, C), differentiable in x, gamma and beta. Backward, with N numbers a channel and
 * r = 1 / sqrt(v + eps):  dbeta = sum dy,  dgamma = r sum dy (x - m),
 * dx = gamma r (dy - dbeta / N - (x - m) r dgamma / N).
 */
export function batchNorm(x: tf.Tensor4D, { gamma, beta, epsilon, seen }: BatchNormSpec): tf.Tensor4D {
  const channels = x.shape[3];
  const count = x.size / channels; // N
  const operation = tf.customGrad((...inputs) => {
    const [input, scale, shift, save] = inputs as unknown as [
      tf.Tensor4D,
      tf.Tensor1D,
      tf.Tensor1D,
      tf.GradSaveFunc,
    ];
    const flat = tf.reshape(input, [count, channels]);
    const mean: tf.Tensor1D = tf.mean(flat, 0);
    const variance: tf.Tensor1D = tf.mean(tf.squaredDifference<tf.Tensor2D>(flat, mean), 0);
    seen(mean, tf.mul(variance, count / Math.max(count - 1, 1)));
    const r = tf.rsqrt(tf.add<tf.Tensor1D>(variance, epsilon)); // (C)
    const factor = tf.mul(scale, r);
    save([input, scale, mean, r]);
    return {
      value: tf.add(tf.mul(input, factor), tf.sub(shift, tf.mul(mean, factor))),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => backward(dy, saved as never, count),
    };
  });
  return operation(x, gamma, beta) as tf.Tensor4D;
}

function backward(
  dy: tf.Tensor,
  [x, gamma, mean, r]: [tf.Tensor4D, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D],
  count: number,
): tf.Tensor[] {
  const rows = (t: tf.Tensor): tf.Tensor2D => tf.reshape(t, [count, -1]);
  const dBeta: tf.Tensor1D = tf.sum(rows(dy), 0); // (C)
  const dGamma = tf.mul(r, tf.sub(tf.sum(rows(tf.mul(dy, x)), 0), tf.mul(mean, dBeta))); // (C)
  // dx as one weight a channel for dy, one for x, and a constant.
  const forDy = tf.mul(gamma, r);
  const forX = tf.mul(tf.mul(forDy, r), tf.div(dGamma, -count));
  const constant = tf.sub(tf.mul(forDy, tf.div(dBeta, -count)), tf.mul(forX, mean));
  const dx = tf.add(tf.add(tf.mul(dy, forDy), tf.mul(x, forX)), constant);
  return [dx, dGamma, dBeta];
}
