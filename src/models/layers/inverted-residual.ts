/**
 * Inverted residual of MobileNetV2 (Sandler et al. 2018) and of MobileNetV3 (Howard et al. 2019): a 1x1 convolution to more
 * channels, a depthwise one, squeeze-and-excitation (Hu et al. 2018), a 1x1 convolution without an activation, and x added.
 */
import { hasKernels, kernel, tf } from '../../backend/index.js';
import type { Activation } from './activations.js';
import { kernelName, type Convolution, type Layer } from './convolution.js';
import type { EncoderParameters } from './parameters.js';

export interface InvertedResidual {
  /** Absent where x has the channels already. */
  expand?: Convolution;
  depthwise: Convolution;
  /** The 1x1 convolutions that give a factor for each channel of the depthwise convolution's mean. */
  squeeze?: { fc1: Convolution; fc2: Convolution };
  project: Convolution;
  /** Whether x is added. */
  residual: boolean;
}

/** (B, H, W, C) -> (B, H', W', C') */
export function invertedResidual(parameters: EncoderParameters, block: InvertedResidual): Layer {
  const { expand, depthwise, squeeze, project, residual } = block;
  const plain: Layer = (x) =>
    tf.tidy(() => {
      let y = depthwise(expand ? expand(x) : x); // (B, H', W', E)
      if (squeeze) {
        const mean = tf.mean(y, [1, 2], true) as tf.Tensor4D; // (B, 1, 1, E)
        y = tf.mul(y, squeeze.fc2(squeeze.fc1(mean))); // (B, H', W', E)
      }
      y = project(y); // (B, H', W', C')
      return residual ? tf.add(x, y) : y;
    });
  const own = frozenBlock(parameters, block);
  return (x) => (own && hasKernels() ? own(x) : plain(x));
}

/** All in one kernel (native/inverted_residual.cc), where the weights are frozen. */
function frozenBlock(
  parameters: EncoderParameters,
  { expand, depthwise, squeeze, project, residual }: InvertedResidual,
): Layer | undefined {
  const { frozen } = depthwise;
  if (!frozen || !project.frozen || frozen.stride > 2) return undefined;
  // What the kernel has built in.
  const wanted: [Convolution | undefined, Activation][] = [
    [expand, frozen.activation],
    [squeeze?.fc1, 'Relu'],
    [squeeze?.fc2, 'HardSigmoid'],
    [project, 'None'],
  ];
  if (wanted.some(([part, activation]) => part?.frozen && part.frozen.activation !== activation))
    return undefined;
  const none = parameters.keep(tf.zeros([0]));
  const packed = (convolution?: Convolution): tf.Tensor[] =>
    convolution?.frozen ? [convolution.frozen.packed, convolution.frozen.bias] : [none, none];
  const weights = [
    ...packed(expand),
    ...[frozen.kernel, frozen.bias],
    ...packed(squeeze?.fc1),
    ...packed(squeeze?.fc2),
    ...packed(project),
  ];
  const name = kernelName('InvertedResidual', frozen.activation);
  const flags = { halved: frozen.stride === 2, residual };
  return (x) => kernel(name, [x, ...weights], 1, flags)[0] as tf.Tensor as tf.Tensor4D;
}
