/**
 * Everything of a soft-attention step between its two matrix products, forward and backward: the attention itself and the gate
 * on what it sees. One kernel each where ours are loaded (native/attention.cc), else TensorFlow.js' operations. Symbols
 * as in soft-attention-sequence.ts and additive-attention.ts.
 */
import { hasKernels, kernel, tf } from '../../backend/index.js';
import { attentionScores, GrowingSum, maskedScores } from './additive-attention.js';
import { sigmoidGradient } from './lstm-cell.js';
import type { PackedBatch } from './packed.js';
import { concatSteps } from './packed.js';
import { firstRows } from './rows.js';

/** What the decoder looks at; the first n images belong to the n rows of a step. */
export interface Scene {
  /** K, (B, P, A) */
  keys: tf.Tensor3D;
  /** X, (B, P, C) */
  features: tf.Tensor3D;
  /** w, (A, 1) */
  score: tf.Tensor2D;
}

/** What the backward pass reads again; rows are the n captions of the step. */
export type AttentionTrace = {
  /** -q, (n, A) */
  negativeQuery: tf.Tensor2D;
  /** (n, P) */
  alpha: tf.Tensor2D;
  /** (n, C) */
  context: tf.Tensor2D;
  /** (n, C) */
  beta: tf.Tensor2D;
  /** beta context, (n, C) */
  z: tf.Tensor2D;
};

/**
 * @param joint h_ J: gates, query and gate side by side before their biases, (n k, 4H + A + C); k captions of each image lie
 * together, or, with fewer rows than images, one of each of the first
 * @param bias j, (4H + A + C)
 */
export function attend(
  { keys, features, score }: Scene,
  joint: tf.Tensor2D,
  bias: tf.Tensor1D,
): AttentionTrace {
  if (hasKernels()) {
    const outputs = kernel('Attend', [joint, bias, keys, features, score], 5);
    const [negativeQuery, alpha, context, beta, z] = outputs;
    return { negativeQuery, alpha, context, beta, z };
  }
  const [rows, width] = joint.shape;
  const [units, channels] = [keys.shape[2], features.shape[2]];
  const seen = firstRows(features, Math.min(rows, features.shape[0])); // (n, P, C)
  const [n, places] = seen.shape;
  const sizes = [width - units - channels, units, channels];
  const [, q, b] = tf.split(tf.add(joint, bias), sizes, 1) as tf.Tensor2D[];
  const negativeQuery = tf.neg(q);
  const alpha = tf.softmax(attentionScores(firstRows(keys, n), negativeQuery, score)); // (n k, P)
  const context: tf.Tensor2D = tf.reshape(
    tf.matMul(tf.reshape<tf.Rank.R3>(alpha, [n, rows / n, places]), seen), // (n, k, C)
    [rows, channels],
  );
  const beta = tf.sigmoid(b);
  return { negativeQuery, alpha, context, beta, z: tf.mul(beta, context) };
}

/** What a step's backward pass gives. */
export type AttentionGradient = {
  /** [dgates | w R | db], (n, 4H + A + C) */
  dJoint: tf.Tensor2D;
  /** (n, A) */
  R: tf.Tensor2D;
  /** (n, C) */
  dContext: tf.Tensor2D;
  /** de, (n, P) */
  dScores: tf.Tensor2D;
};

/**
 * For one caption of each of the first n images.
 * @param dz gradient of z, (n, C)
 * @param dGates (n, 4H)
 * @param dAttention what is added to the gradient of alpha of each image, (B, P)
 */
export function attendBackward(
  { keys, features, score }: Scene,
  { negativeQuery, alpha, context, beta }: AttentionTrace,
  dz: tf.Tensor2D,
  dGates: tf.Tensor2D,
  dAttention: tf.Tensor2D | null,
): AttentionGradient & { masked?: tf.Tensor3D } {
  if (hasKernels()) {
    const more = dAttention ?? tf.zeros([0, alpha.shape[1]]);
    const inputs = [dz, dGates, keys, features, score, negativeQuery, alpha, context, beta, more];
    const [dJoint, R, dContext, dScores] = kernel('AttendGradient', inputs, 4);
    return { dJoint, R, dContext, dScores };
  }
  const [n, places] = alpha.shape;
  const db = sigmoidGradient(beta, tf.mul(dz, context) as tf.Tensor2D);
  const dContext = tf.mul(dz, beta) as tf.Tensor2D;
  const seen: tf.Tensor2D = tf.reshape(
    tf.matMul(firstRows(features, n), tf.expandDims(dContext, 2) as tf.Tensor3D), // (n, P, 1)
    [n, places],
  );
  const dAlpha = dAttention ? tf.add(seen, firstRows(dAttention, n)) : seen;
  const shared = tf.sum(tf.mul(alpha, dAlpha), 1, true); // (n, 1)
  const dScores = tf.mul(alpha, tf.sub(dAlpha, shared)) as tf.Tensor2D;
  const masked = maskedScores(firstRows(keys, n), negativeQuery, dScores); // (n, P, A)
  const R: tf.Tensor2D = tf.sum(masked, 1); // (n, A)
  const dQuery = tf.mul(R, tf.reshape(score, [-1])) as tf.Tensor2D;
  return { dJoint: tf.concat([dGates, dQuery, db], 1), R, dContext, dScores, masked };
}

/** S, (B, P, A): from the steps' masked scores as they come, or in one pass over the keys at the end. */
export class MaskedSum {
  private readonly growing = new GrowingSum();
  private readonly dScores: tf.Tensor2D[] = [];

  /** Takes the steps from the last to the first. */
  add({ masked, dScores }: ReturnType<typeof attendBackward>): void {
    if (masked) {
      this.growing.add(masked);
      masked.dispose();
    } else this.dScores.unshift(dScores);
  }

  /** @param negativeQuery of all steps, (N, A) */
  total(keys: tf.Tensor3D, negativeQuery: tf.Tensor2D, { rows, filling }: PackedBatch): tf.Tensor3D {
    if (this.dScores.length === 0) return this.growing.total();
    return keysGradient(keys, negativeQuery, concatSteps(this.dScores, filling), rows);
  }
}

/**
 * S, (B, P, A), by our kernel.
 * @param negativeQuery of all steps, (N, A)
 * @param dScores de of all steps, (N, P)
 * @param rows of each step
 */
export function keysGradient(
  keys: tf.Tensor3D,
  negativeQuery: tf.Tensor2D,
  dScores: tf.Tensor2D,
  rows: number[],
): tf.Tensor3D {
  const inputs = [keys, negativeQuery, dScores, tf.tensor1d(rows, 'int32')];
  return kernel('KeysGradient', inputs, 1)[0] as tf.Tensor as tf.Tensor3D;
}
