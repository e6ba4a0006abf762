/**
 * MobileNetV3-small 1.0 (Howard et al. 2019, table 2), as torchvision's `mobilenet_v3_small`: the same names, padding,
 * rounding of widths and BatchNorm epsilon (torchvision/models/mobilenetv3.py).
 */
import { tf } from '../../backend/index.js';
import {
  convolution,
  type EncoderParameters,
  frozenLinear,
  hardSigmoid,
  hardSwish,
  heFanOut,
  type Layer,
} from '../layers/index.js';
import { StagedEncoder, type Encoder, type Stage } from './encoder.js';

const EPSILON = 1e-3;

interface Block {
  kernel: number;
  /** Channels between the two 1x1 convolutions. */
  expanded: number;
  outputs: number;
  squeeze: boolean;
  activation: Layer;
  stride: number;
}

const relu: Layer = (x) => tf.relu(x);
const swish: Layer = (x) => hardSwish(x);

// prettier-ignore
const blocks: Block[] = [
  { kernel: 3, expanded: 16, outputs: 16, squeeze: true, activation: relu, stride: 2 },
  { kernel: 3, expanded: 72, outputs: 24, squeeze: false, activation: relu, stride: 2 },
  { kernel: 3, expanded: 88, outputs: 24, squeeze: false, activation: relu, stride: 1 },
  { kernel: 5, expanded: 96, outputs: 40, squeeze: true, activation: swish, stride: 2 },
  { kernel: 5, expanded: 240, outputs: 40, squeeze: true, activation: swish, stride: 1 },
  { kernel: 5, expanded: 240, outputs: 40, squeeze: true, activation: swish, stride: 1 },
  { kernel: 5, expanded: 120, outputs: 48, squeeze: true, activation: swish, stride: 1 },
  { kernel: 5, expanded: 144, outputs: 48, squeeze: true, activation: swish, stride: 1 },
  { kernel: 5, expanded: 288, outputs: 96, squeeze: true, activation: swish, stride: 2 },
  { kernel: 5, expanded: 576, outputs: 96, squeeze: true, activation: swish, stride: 1 },
  { kernel: 5, expanded: 576, outputs: 96, squeeze: true, activation: swish, stride: 1 },
];

/** The multiple of 8 nearest to `channels`, at least 90 % of it (torchvision's `_make_divisible`). */
function divisibleBy8(channels: number): number {
  const rounded = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}

function squeezeExcitation(parameters: EncoderParameters, name: string, channels: number): Layer {
  const squeezed = divisibleBy8(channels / 4);
  const shapes = { kernel: 1, stride: 1 };
  const fc1 = convolution(parameters, {
    name: `${name}.fc1`,
    inputs: channels,
    outputs: squeezed,
    ...shapes,
    initial: heFanOut(squeezed, 1),
  });
  const fc2 = convolution(parameters, {
    name: `${name}.fc2`,
    inputs: squeezed,
    outputs: channels,
    ...shapes,
    initial: heFanOut(channels, 1),
  });
  return (x) => {
    const mean = tf.mean(x, [1, 2], true) as tf.Tensor4D; // (B, 1, 1, C)
    return tf.mul(x, hardSigmoid(fc2(tf.relu(fc1(mean))))); // (B, H, W, C)
  };
}

function block(parameters: EncoderParameters, name: string, inputs: number, spec: Block): Layer {
  const { kernel, expanded, outputs, squeeze, activation, stride } = spec;
  const layers: Layer[] = [];
  const part = () => `${name}.block.${parts++}`;
  let parts = 0;
  const normed = (
    prefix: string,
    shape: { inputs: number; outputs: number; kernel: number; stride?: number },
  ) =>
    convolution(parameters, {
      name: `${prefix}.0`,
      norm: `${prefix}.1`,
      epsilon: EPSILON,
      ...shape,
      initial: heFanOut(shape.outputs, shape.kernel),
    });
  if (expanded !== inputs) layers.push(normed(part(), { inputs, outputs: expanded, kernel: 1 }), activation);
  const prefix = part();
  layers.push(
    convolution(parameters, {
      name: `${prefix}.0`,
      norm: `${prefix}.1`,
      epsilon: EPSILON,
      inputs: expanded,
      outputs: expanded,
      kernel,
      stride,
      depthwise: true,
      initial: heFanOut(expanded, kernel),
    }),
    activation,
  );
  if (squeeze) layers.push(squeezeExcitation(parameters, part(), expanded));
  layers.push(normed(part(), { inputs: expanded, outputs, kernel: 1 }));
  const residual = stride === 1 && inputs === outputs;
  return (x) =>
    tf.tidy(() => {
      const y = layers.reduce((value, layer) => layer(value), x);
      return residual ? tf.add(x, y) : y;
    });
}

/** Stages features.0 .. features.12; the last gives (B, H/32, W/32, 576). */
export function mobileNetV3Small(parameters: EncoderParameters): Encoder {
  const stages: Stage[] = [];
  const stem = convolution(parameters, {
    name: 'features.0.0',
    norm: 'features.0.1',
    epsilon: EPSILON,
    inputs: 3,
    outputs: 16,
    kernel: 3,
    stride: 2,
    initial: heFanOut(16, 3),
  });
  stages.push({ name: 'features.0', layer: (x) => tf.tidy(() => swish(stem(x))), stride: 2, channels: 16 });
  let channels = 16;
  blocks.forEach((spec, i) => {
    const name = `features.${i + 1}`;
    stages.push({
      name,
      layer: block(parameters, name, channels, spec),
      stride: spec.stride,
      channels: spec.outputs,
    });
    channels = spec.outputs;
  });
  const last = convolution(parameters, {
    name: 'features.12.0',
    norm: 'features.12.1',
    epsilon: EPSILON,
    inputs: channels,
    outputs: 576,
    kernel: 1,
    initial: heFanOut(576, 1),
  });
  stages.push({ name: 'features.12', layer: (x) => tf.tidy(() => swish(last(x))), stride: 1, channels: 576 });

  const hidden = frozenLinear(parameters, 'classifier.0', 576, 1024);
  const output = frozenLinear(parameters, 'classifier.3', 1024, 1000);
  const logits =
    hidden && output && ((pooled: tf.Tensor2D) => tf.tidy(() => output(hardSwish(hidden(pooled)))));
  return new StagedEncoder({
    name: 'mobilenet_v3_small',
    parameters,
    stages,
    classifier: { prefix: 'classifier.', logits },
  });
}
