/**
 * MobileNetV3-large and -small 1.0 (Howard et al. 2019, tables 1 and 2), as torchvision's: the same names, padding,
 * rounding of widths and BatchNorm epsilon (torchvision/models/mobilenetv3.py).
 */
import { tf } from '../../backend/index.js';
import {
  type Activation,
  type ConvolutionSpec,
  type Convolution,
  convolution,
  type EncoderParameters,
  frozenLinear,
  hardSwish,
  invertedResidual,
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
  activation: Activation;
  stride: number;
}

const [relu, swish]: Activation[] = ['Relu', 'HardSwish'];

// prettier-ignore
const small: Block[] = [
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
// prettier-ignore
const large: Block[] = [
  { kernel: 3, expanded: 16, outputs: 16, squeeze: false, activation: relu, stride: 1 },
  { kernel: 3, expanded: 64, outputs: 24, squeeze: false, activation: relu, stride: 2 },
  { kernel: 3, expanded: 72, outputs: 24, squeeze: false, activation: relu, stride: 1 },
  { kernel: 5, expanded: 72, outputs: 40, squeeze: true, activation: relu, stride: 2 },
  { kernel: 5, expanded: 120, outputs: 40, squeeze: true, activation: relu, stride: 1 },
  { kernel: 5, expanded: 120, outputs: 40, squeeze: true, activation: relu, stride: 1 },
  { kernel: 3, expanded: 240, outputs: 80, squeeze: false, activation: swish, stride: 2 },
  { kernel: 3, expanded: 200, outputs: 80, squeeze: false, activation: swish, stride: 1 },
  { kernel: 3, expanded: 184, outputs: 80, squeeze: false, activation: swish, stride: 1 },
  { kernel: 3, expanded: 184, outputs: 80, squeeze: false, activation: swish, stride: 1 },
  { kernel: 3, expanded: 480, outputs: 112, squeeze: true, activation: swish, stride: 1 },
  { kernel: 3, expanded: 672, outputs: 112, squeeze: true, activation: swish, stride: 1 },
  { kernel: 5, expanded: 672, outputs: 160, squeeze: true, activation: swish, stride: 2 },
  { kernel: 5, expanded: 960, outputs: 160, squeeze: true, activation: swish, stride: 1 },
  { kernel: 5, expanded: 960, outputs: 160, squeeze: true, activation: swish, stride: 1 },
];

/** The multiple of 8 nearest to `channels`, at least 90 % of it (torchvision's `_make_divisible`). */
function divisibleBy8(channels: number): number {
  const rounded = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}

/** Convolution and BatchNorm, with no activation unless it is given. */
function normed(
  parameters: EncoderParameters,
  name: string,
  shape: Pick<ConvolutionSpec, 'inputs' | 'outputs' | 'kernel' | 'stride' | 'depthwise' | 'activation'>,
): Convolution {
  return convolution(parameters, { name: `${name}.0`, norm: `${name}.1`, epsilon: EPSILON, ...shape });
}

/** The convolutions of squeeze-and-excitation. */
function squeezeExcitation(parameters: EncoderParameters, name: string, channels: number) {
  const squeezed = divisibleBy8(channels / 4);
  const fc1 = convolution(parameters, {
    name: `${name}.fc1`,
    inputs: channels,
    outputs: squeezed,
    kernel: 1,
    activation: 'Relu',
  });
  const fc2 = convolution(parameters, {
    name: `${name}.fc2`,
    inputs: squeezed,
    outputs: channels,
    kernel: 1,
    activation: 'HardSigmoid',
  });
  return { fc1, fc2 };
}

function block(parameters: EncoderParameters, name: string, inputs: number, spec: Block): Layer {
  const { kernel, expanded, outputs, squeeze, activation, stride } = spec;
  let parts = 0;
  const part = () => `${name}.block.${parts++}`;
  const wider = { inputs, outputs: expanded, kernel: 1, activation };
  const depthwise = { inputs: expanded, outputs: expanded, kernel, stride, depthwise: true, activation };
  return invertedResidual(parameters, {
    expand: expanded === inputs ? undefined : normed(parameters, part(), wider),
    depthwise: normed(parameters, part(), depthwise),
    squeeze: squeeze ? squeezeExcitation(parameters, part(), expanded) : undefined,
    project: normed(parameters, part(), { inputs: expanded, outputs, kernel: 1 }),
    residual: stride === 1 && inputs === outputs,
  });
}

/** One stage for the stem, each block and the last 1x1 convolution, which has six times the last block's channels. */
function mobileNetV3(
  name: string,
  parameters: EncoderParameters,
  blocks: Block[],
  hiddenUnits: number,
): Encoder {
  const stages: Stage[] = [];
  const add = (build: (name: string) => Layer, stride: number, channels: number) => {
    const name = `features.${stages.length}`;
    stages.push({ name, build: () => build(name), stride, channels });
  };
  const addConvolution = (shape: { inputs: number; outputs: number; kernel: number; stride: number }) =>
    add((name) => normed(parameters, name, { ...shape, activation: swish }), shape.stride, shape.outputs);
  let channels = 16;
  addConvolution({ inputs: 3, outputs: channels, kernel: 3, stride: 2 });
  for (const spec of blocks) {
    const inputs = channels;
    add((name) => block(parameters, name, inputs, spec), spec.stride, spec.outputs);
    channels = spec.outputs;
  }
  const outputs = 6 * channels;
  addConvolution({ inputs: channels, outputs, kernel: 1, stride: 1 });
  const logits = () => {
    const hidden = frozenLinear(parameters, 'classifier.0', outputs, hiddenUnits);
    const output = frozenLinear(parameters, 'classifier.3', hiddenUnits, 1000);
    return hidden && output && ((pooled: tf.Tensor2D) => tf.tidy(() => output(hardSwish(hidden(pooled)))));
  };
  return new StagedEncoder({ name, parameters, stages, classifier: { prefix: 'classifier.', logits } });
}

/** Stages features.0 .. features.12; the last gives (B, H/32, W/32, 576). */
export const mobileNetV3Small = (parameters: EncoderParameters) =>
  mobileNetV3('mobilenet_v3_small', parameters, small, 1024);

/** Stages features.0 .. features.16; the last gives (B, H/32, W/32, 960). */
export const mobileNetV3Large = (parameters: EncoderParameters) =>
  mobileNetV3('mobilenet_v3_large', parameters, large, 1280);
