/** A decoder's outputs while it is fed the right words, by its own steps. */
import { tf } from '../../backend/index.js';
import type { Decoder, TeacherForcedBatch } from './types.js';

/** Logits (B, T, V) and, where the decoder attends, attention (B, T, P); zero from a caption's length on. */
export function teacherForced(
  decoder: Decoder,
  features: tf.Tensor,
  { size, steps, inputs, lengths }: TeacherForcedBatch,
): { logits: tf.Tensor3D; attention?: tf.Tensor3D } {
  return tf.tidy(() => {
    const logits: tf.Tensor[] = [];
    const attention: tf.Tensor[] = [];
    let state = decoder.start(features);
    for (let t = 0; t < steps; t++) {
      const words = tf.tensor1d(
        Array.from({ length: size }, (_, b) => inputs[b * steps + t]),
        'int32',
      );
      const real = tf.tensor2d(
        Array.from({ length: size }, (_, b) => Number(t < lengths[b])),
        [size, 1],
      );
      const step = decoder.step(state, words);
      state = step.state;
      logits.push(tf.mul(step.logits, real));
      if (step.attention) attention.push(tf.mul(step.attention, real));
    }
    return {
      logits: tf.stack(logits, 1) as tf.Tensor3D,
      ...(attention.length > 0 && { attention: tf.stack(attention, 1) as tf.Tensor3D }),
    };
  });
}
