/** Gradients of a decoder's loss by TensorFlow.js's own differentiation. */
import { tf } from '../../backend/index.js';
import type { Decoder, LossAndGradients, SequenceOptions, TeacherForcedBatch } from './types.js';

export function tapeGradients(
  decoder: Decoder,
  features: tf.Tensor,
  batch: TeacherForcedBatch,
  options: SequenceOptions & { featureGradient?: boolean } = {},
): LossAndGradients {
  const variables = decoder.variables();
  const byVariable = new Map([...variables].map(([name, variable]) => [variable.name, name]));
  const input = tf.variable(features);
  const { value, grads } = tf.variableGrads(
    () => decoder.loss(input, batch, options),
    [...variables.values(), ...(options.featureGradient ? [input] : [])],
  );
  const gradients = new Map<string, tf.Tensor>();
  let own: tf.Tensor | undefined;
  for (const [key, gradient] of Object.entries(grads)) {
    const name = byVariable.get(key);
    if (name === undefined) own = gradient;
    else gradients.set(name, gradient);
  }
  input.dispose();
  return { loss: value, gradients, features: own };
}
