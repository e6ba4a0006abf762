/** A sequence with its own backward pass as one operation of TensorFlow.js's automatic differentiation. */
import { tf } from '../../backend/index.js';
import type { GradientListener, LossAndGradients } from './types.js';

/** What is wanted of a teacher-forced sequence. */
export interface SequenceRequest {
  /** 32-bit seed of the dropout masks, or null for no dropout */
  dropoutSeed: number | null;
  labelSmoothing: number;
  doublyStochastic: number;
  /** ids that the probabilities leave out */
  never: readonly number[];
  /** of the parameters */
  gradients: boolean;
  /** of the features; needs `gradients` */
  featureGradient: boolean;
  /** hears of each gradient as soon as it is complete */
  listener?: GradientListener;
}

/** The gradients of a sequence, in the order in which they are complete. */
export class CompleteGradients {
  readonly byName: Record<string, tf.Tensor> = {};

  constructor(private readonly listener?: GradientListener) {}

  add(gradients: Record<string, tf.Tensor>): void {
    Object.assign(this.byName, gradients);
    for (const [name, gradient] of Object.entries(gradients)) this.listener?.complete(name, gradient);
  }
}

/**
 * The loss that `compute` returns, differentiable in variables and features. While TensorFlow.js records a tape, the
 * gradients are computed with the loss and kept until the tape ends; otherwise the backward pass is left out.
 */
export function differentiableLoss(
  variables: Map<string, tf.Variable>,
  features: tf.Tensor,
  compute: (gradients: boolean) => LossAndGradients,
): tf.Scalar {
  if (tf.engine().state.gradientDepth === 0) return compute(false).loss;
  const names = [...variables.keys()];
  const operation = tf.customGrad((...inputs) => {
    const save = inputs.at(-1) as tf.GradSaveFunc;
    const result = compute(true);
    save([...names.map((name) => result.gradients.get(name)!), result.features!]);
    return {
      value: result.loss,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => saved.map((gradient) => tf.mul(gradient, dy)),
    };
  });
  return operation(...variables.values(), features) as tf.Scalar;
}
