/** Arithmetic that steps and sequences share. */
import { fnv1a } from '../../core/index.js';
import { randomUniform, tf } from '../../backend/index.js';

/** x W + b: (B, in) -> (B, out). */
export function linear(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor2D {
  return tf.add(tf.matMul(x as tf.Tensor2D, weight as tf.Tensor2D), bias);
}

/**
 * An LSTM cell after its matrix products.
 * @param gates i, f, o, g before their sigmoids and tanh, (B, 4H)
 * @param c (B, H)
 */
export function lstmCell(gates: tf.Tensor2D, c: tf.Tensor2D): { h: tf.Tensor2D; c: tf.Tensor2D } {
  const [i, f, o, g] = tf.split(gates, 4, 1); // (B, H) each
  const next: tf.Tensor2D = tf.add(tf.mul(tf.sigmoid(f), c), tf.mul(tf.sigmoid(i), tf.tanh(g)));
  return { h: tf.mul(tf.sigmoid(o), tf.tanh(next)), c: next };
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
