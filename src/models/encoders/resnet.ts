/**
 * ResNet-18 to ResNet-152 (He et al. 2016, table 1), as torchvision's: the same names, padding and BatchNorm epsilon, and
 * in the bottleneck blocks the stride at the 3x3 convolution (torchvision/models/resnet.py).
 */
import { tf } from '../../backend/index.js';
import { convolution, type EncoderParameters, frozenLinear, type Layer } from '../layers/index.js';
import { StagedEncoder, type Encoder, type Stage } from './encoder.js';

const EPSILON = 1e-5;

/** One convolution of a block: conv1, conv2, ... with bn1, bn2, ... */
interface BlockLayer {
  kernel: number;
  /** Outputs as a multiple of the layer's width. */
  widening: number;
  strided?: boolean;
}

const basic: BlockLayer[] = [
  { kernel: 3, widening: 1, strided: true },
  { kernel: 3, widening: 1 },
];
const bottleneck: BlockLayer[] = [
  { kernel: 1, widening: 1 },
  { kernel: 3, widening: 1, strided: true },
  { kernel: 1, widening: 4 },
];

/** Blocks of layer1 .. layer4. */
const variants = {
  resnet18: { block: basic, depths: [2, 2, 2, 2] },
  resnet34: { block: basic, depths: [3, 4, 6, 3] },
  resnet50: { block: bottleneck, depths: [3, 4, 6, 3] },
  resnet101: { block: bottleneck, depths: [3, 4, 23, 3] },
  resnet152: { block: bottleneck, depths: [3, 8, 36, 3] },
};

function residualBlock(
  parameters: EncoderParameters,
  name: string,
  block: BlockLayer[],
  inputs: number,
  width: number,
  stride: number,
): Layer {
  let channels = inputs;
  const layers = block.map(({ kernel, widening, strided }, i) => {
    const shape = { inputs: channels, outputs: widening * width, kernel, stride: strided ? stride : 1 };
    channels = shape.outputs;
    const names = { name: `${name}.conv${i + 1}`, norm: `${name}.bn${i + 1}` };
    // The last one's comes behind the sum.
    const activation = i < block.length - 1 ? 'Relu' : 'None';
    return convolution(parameters, { ...names, epsilon: EPSILON, activation, ...shape });
  });
  const changes = stride !== 1 || inputs !== channels;
  const shortcut =
    changes &&
    convolution(parameters, {
      name: `${name}.downsample.0`,
      norm: `${name}.downsample.1`,
      epsilon: EPSILON,
      inputs,
      outputs: channels,
      kernel: 1,
      stride,
    });
  return (x) =>
    tf.tidy(() => {
      const y = layers.reduce((value, layer) => layer(value), x);
      return tf.relu(tf.add<tf.Tensor4D>(y, shortcut ? shortcut(x) : x));
    });
}

function stem(parameters: EncoderParameters): Layer {
  const conv1 = convolution(parameters, {
    name: 'conv1',
    norm: 'bn1',
    epsilon: EPSILON,
    inputs: 3,
    outputs: 64,
    kernel: 7,
    stride: 2,
    activation: 'Relu',
  });
  return (x) =>
    tf.tidy(() => {
      const y = conv1(x); // (B, H/2, W/2, 64)
      // After ReLU nothing is below 0, so zeros are as good a border as PyTorch's -inf.
      const padded = tf.pad(y, [
        [0, 0],
        [1, 1],
        [1, 1],
        [0, 0],
      ]) as tf.Tensor4D;
      return tf.maxPool(padded, 3, 2, 'valid'); // (B, H/4, W/4, 64)
    });
}

/** Stages stem (H/4), layer1 (H/4) .. layer4 (H/32): 64, 128, 256, 512 channels, four times that with bottlenecks. */
function resnet(name: keyof typeof variants, parameters: EncoderParameters): Encoder {
  const { block, depths } = variants[name];
  const stages: Stage[] = [{ name: 'stem', build: () => stem(parameters), stride: 4, channels: 64 }];
  let channels = 64;
  depths.forEach((depth, i) => {
    const width = 64 * 2 ** i;
    const stride = i === 0 ? 1 : 2;
    const inputs = channels;
    const outputs = width * block[block.length - 1].widening;
    channels = outputs;
    const name = `layer${i + 1}`;
    const build = () => {
      const blocks = Array.from({ length: depth }, (_, j) =>
        j === 0
          ? residualBlock(parameters, `${name}.0`, block, inputs, width, stride)
          : residualBlock(parameters, `${name}.${j}`, block, outputs, width, 1),
      );
      return (x: tf.Tensor4D) => tf.tidy(() => blocks.reduce((value, run) => run(value), x));
    };
    stages.push({ name, build, stride, channels: outputs });
  });
  const logits = () => frozenLinear(parameters, 'fc', channels, 1000);
  return new StagedEncoder({ name, parameters, stages, classifier: { prefix: 'fc.', logits } });
}

export const resnet18 = (parameters: EncoderParameters) => resnet('resnet18', parameters);
export const resnet34 = (parameters: EncoderParameters) => resnet('resnet34', parameters);
export const resnet50 = (parameters: EncoderParameters) => resnet('resnet50', parameters);
export const resnet101 = (parameters: EncoderParameters) => resnet('resnet101', parameters);
export const resnet152 = (parameters: EncoderParameters) => resnet('resnet152', parameters);
