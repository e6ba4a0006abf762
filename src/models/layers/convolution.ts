/** Convolutions with PyTorch's padding, each with its BatchNorm: folded in, or by the batch's own statistics. */
import { hasKernels, kernel as kernelOp, packFactor, tf } from '../../backend/index.js';
import { activations, type Activation } from './activations.js';
import { batchNorm, MOMENTUM } from './batch-norm.js';
import type { EncoderParameters, Initial } from './parameters.js';

/** (B, H, W, C) -> (B, H', W', C') */
export type Layer = (x: tf.Tensor4D) => tf.Tensor4D;

export interface Convolution extends Layer {
  /** What our kernels take; absent where the weights are trained, or where there are none. */
  readonly frozen?: FrozenConvolution;
}

/** BatchNorm folded in. */
export interface FrozenConvolution {
  /** (K, K, I, O), depthwise (K, K, C, 1) */
  kernel: tf.Tensor4D;
  bias: tf.Tensor1D;
  /** The kernel (K K I, O) as our kernels read it, where they compute the convolution; else no numbers. */
  packed: tf.Tensor;
  stride: number;
  activation: Activation;
}

export interface ConvolutionSpec {
  /** Name of the convolution; `.weight` and `.bias` follow it. */
  name: string;
  /** Name of the BatchNorm behind it; without one the convolution has a bias. */
  norm?: string;
  /** Added to the variance. */
  epsilon?: number;
  inputs: number;
  outputs: number;
  /** Side of the kernel, odd; the input is padded by (kernel - 1) / 2 on every side. */
  kernel: number;
  stride?: number;
  /** One filter a channel. */
  depthwise?: boolean;
  /** Behind bias and BatchNorm; none by default. */
  activation?: Activation;
  /** As torchvision draws its convolutions, unless given: He et al. 2015 over the outputs. */
  initial?: Initial;
}

type Border = [[number, number], [number, number], [number, number], [number, number]];

type Folded = Pick<FrozenConvolution, 'kernel' | 'bias'>;

/** Up to so many channels wider kernels than 1x1 are ours: TensorFlow's take them in vectors, which these do not fill. */
const FEW_CHANNELS = 4;

/** Standard deviation of He et al. 2015 over the outputs. */
function heFanOut(outputs: number, kernel: number): Initial {
  return { std: Math.sqrt(2 / (outputs * kernel * kernel)) };
}

/** Standard deviation of He et al. 2015 over the inputs. */
export function heFanIn(inputs: number, kernel: number): Initial {
  return { std: Math.sqrt(2 / (inputs * kernel * kernel)) };
}

/**
 * w x, then gamma (y - mean) / sqrt(var + eps) + beta, as one convolution with kernel w gamma / sqrt(var + eps) and
 * bias beta - mean gamma / sqrt(var + eps). Frozen weights are folded once, trained ones at every call; while an
 * encoder that starts from random weights is trained, mean and var are the batch's and nothing is folded.
 */
export function convolution(parameters: EncoderParameters, spec: ConvolutionSpec): Convolution {
  const { name, norm, inputs, outputs, kernel, stride = 1, depthwise = false, activation = 'None' } = spec;
  const shape = [outputs, depthwise ? 1 : inputs, kernel, kernel];
  const weight = parameters.parameter(
    `${name}.weight`,
    shape,
    depthwise ? 'depthwise' : 'conv',
    spec.initial ?? heFanOut(outputs, kernel),
  );
  let fold: () => Folded;
  let byBatch: ((y: tf.Tensor4D) => tf.Tensor4D) | undefined;
  if (norm === undefined) {
    const bias = parameters.parameter(`${name}.bias`, [outputs], 'vector', { constant: 0 });
    fold = () => ({ kernel: weight() as tf.Tensor4D, bias: bias() as tf.Tensor1D });
  } else {
    const gamma = parameters.parameter(`${norm}.weight`, [outputs], 'vector', { constant: 1 });
    const beta = parameters.parameter(`${norm}.bias`, [outputs], 'vector', { constant: 0 });
    const mean = parameters.statistic(`${norm}.running_mean`, [outputs], 0);
    const variance = parameters.statistic(`${norm}.running_var`, [outputs], 1);
    parameters.buffer(`${norm}.num_batches_tracked`, [], 0);
    const epsilon = spec.epsilon!;
    byBatch = (y) =>
      batchNorm(y, {
        gamma: gamma() as tf.Tensor1D,
        beta: beta() as tf.Tensor1D,
        epsilon,
        seen(batchMean, batchVariance) {
          mean.blend(batchMean, MOMENTUM);
          variance.blend(batchVariance, MOMENTUM);
        },
      });
    fold = () => {
      const scale = tf.div(gamma(), tf.sqrt(tf.add(variance.value(), epsilon))) as tf.Tensor1D; // (O)
      const channel = depthwise ? tf.reshape(scale, [outputs, 1]) : scale;
      return {
        kernel: tf.mul(weight(), channel) as tf.Tensor4D,
        bias: tf.sub(beta(), tf.mul(mean.value(), scale)) as tf.Tensor1D,
      };
    };
  }
  const { trainable } = parameters;
  const pad = (kernel - 1) / 2;
  const border: Border = [
    [0, 0],
    [pad, pad],
    [pad, pad],
    [0, 0],
  ];
  const convolve = (x: tf.Tensor4D, k: tf.Tensor4D): tf.Tensor4D => {
    const run = depthwise ? tf.depthwiseConv2d<tf.Tensor4D> : tf.conv2d<tf.Tensor4D>;
    // 'same' pads as PyTorch only where the stride is 1.
    if (stride === 1 || pad === 0) return run(x, k, stride, 'same');
    // The convolution's own border saves a copy, but has no gradient in TensorFlow.js' native backend.
    return trainable ? run(tf.pad(x, border), k, stride, 'valid') : run(x, k, stride, border);
  };
  const apply = (x: tf.Tensor4D, { kernel: k, bias }: Folded): tf.Tensor4D => tf.add(convolve(x, k), bias);
  if (trainable) {
    return (x) =>
      tf.tidy(() =>
        activations[activation](
          byBatch && parameters.normalisesByBatch
            ? byBatch(convolve(x, weight() as tf.Tensor4D))
            : apply(x, fold()),
        ),
      );
  }
  const folded = tf.tidy(() => fold() as unknown as tf.TensorContainerObject) as unknown as Folded;
  parameters.keep(folded.kernel);
  parameters.keep(folded.bias);
  const plain = (x: tf.Tensor4D) =>
    tf.tidy(() => biased(convolve(x, folded.kernel), folded.bias, activation));
  if (!hasKernels()) return plain;
  const own = !depthwise && stride <= 2 && (kernel === 1 || inputs <= FEW_CHANNELS);
  const packed = tf.tidy(() =>
    own ? packFactor(tf.reshape(folded.kernel, [kernel * kernel * inputs, outputs])) : tf.zeros([0]),
  );
  const frozen = { ...folded, packed: parameters.keep(packed), stride, activation };
  const run = (x: tf.Tensor4D) => {
    if (!own || !hasKernels()) return plain(x);
    const name = kernelName('Convolution', activation);
    const [y] = kernelOp(name, [x, packed, folded.bias], 1, { halved: stride === 2 });
    return y as tf.Tensor as tf.Tensor4D;
  };
  return Object.assign(run, { frozen });
}

/** Of one that ends in an activation. */
export function kernelName(name: string, activation: Activation): string {
  return activation === 'None' ? name : `${name}${activation}`;
}

/** activation(y + bias) */
function biased(y: tf.Tensor4D, bias: tf.Tensor1D, activation: Activation): tf.Tensor4D {
  if (hasKernels()) {
    return kernelOp(kernelName('Bias', activation), [y, bias], 1)[0] as tf.Tensor as tf.Tensor4D;
  }
  // A whole row of places at a time: TensorFlow is slow where the repeated axis is short.
  const [size, height, width, channels] = y.shape;
  const rows = tf.reshape(y, [size * height, width * channels]);
  return activations[activation](tf.reshape(tf.add(rows, tf.tile(bias, [width])), y.shape));
}
