/** A fully connected layer of a classifier; its weights are not trained here. */
import { tf } from '../../backend/index.js';
import type { EncoderParameters } from './parameters.js';

/** (B, in) -> (B, out), or undefined when the weights do not hold the layer. */
export function frozenLinear(
  parameters: EncoderParameters,
  name: string,
  inputs: number,
  outputs: number,
): ((x: tf.Tensor2D) => tf.Tensor2D) | undefined {
  if (!parameters.has(`${name}.weight`)) return undefined;
  const weight = parameters.buffer(`${name}.weight`, [outputs, inputs], 0);
  const bias = parameters.buffer(`${name}.bias`, [outputs], 0);
  return (x) =>
    tf.tidy(() => tf.add(tf.matMul(x, weight() as tf.Tensor2D, false, true), bias()) as tf.Tensor2D);
}
