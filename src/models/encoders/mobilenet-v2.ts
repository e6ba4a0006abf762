/**
 * MobileNetV2 1.0 (Sandler et al. 2018, table 2), as torchvision's `mobilenet_v2`: the same names, padding and BatchNorm
 * epsilon (torchvision/models/mobilenetv2.py).
 */
import {
  type Convolution,
  convolution,
  type EncoderParameters,
  frozenLinear,
  invertedResidual,
  type Layer,
} from '../layers/index.js';
import { StagedEncoder, type Encoder, type Stage } from './encoder.js';

const EPSILON = 1e-5;

/** Blocks that follow each other; the first has the stride. */
// prettier-ignore
const groups = [
  { expansion: 1, outputs: 16, blocks: 1, stride: 1 },
  { expansion: 6, outputs: 24, blocks: 2, stride: 2 },
  { expansion: 6, outputs: 32, blocks: 3, stride: 2 },
  { expansion: 6, outputs: 64, blocks: 4, stride: 2 },
  { expansion: 6, outputs: 96, blocks: 3, stride: 1 },
  { expansion: 6, outputs: 160, blocks: 3, stride: 2 },
  { expansion: 6, outputs: 320, blocks: 1, stride: 1 },
];

function convolutionRelu6(
  parameters: EncoderParameters,
  name: string,
  shape: { inputs: number; outputs: number; kernel: number; stride?: number; depthwise?: boolean },
): Convolution {
  const names = { name: `${name}.0`, norm: `${name}.1` };
  return convolution(parameters, { ...names, epsilon: EPSILON, activation: 'Relu6', ...shape });
}

function block(
  parameters: EncoderParameters,
  name: string,
  shape: { inputs: number; outputs: number; expansion: number; stride: number },
): Layer {
  const { inputs, outputs, expansion, stride } = shape;
  const expanded = inputs * expansion;
  let parts = 0;
  const part = () => `${name}.conv.${parts++}`;
  const wider = { inputs, outputs: expanded, kernel: 1 };
  const depthwise = { inputs: expanded, outputs: expanded, kernel: 3, stride, depthwise: true };
  return invertedResidual(parameters, {
    expand: expansion === 1 ? undefined : convolutionRelu6(parameters, part(), wider),
    depthwise: convolutionRelu6(parameters, part(), depthwise),
    project: convolution(parameters, {
      name: part(),
      norm: part(),
      epsilon: EPSILON,
      inputs: expanded,
      outputs,
      kernel: 1,
    }),
    residual: stride === 1 && inputs === outputs,
  });
}

/** Stages features.0 .. features.18; the last gives (B, H/32, W/32, 1280). */
export function mobileNetV2(parameters: EncoderParameters): Encoder {
  const stages: Stage[] = [];
  const add = (build: (name: string) => Layer, stride: number, channels: number) => {
    const name = `features.${stages.length}`;
    stages.push({ name, build: () => build(name), stride, channels });
  };
  const stem = { inputs: 3, outputs: 32, kernel: 3, stride: 2 };
  add((name) => convolutionRelu6(parameters, name, stem), stem.stride, stem.outputs);
  let channels = stem.outputs;
  for (const { expansion, outputs, blocks, stride: first } of groups) {
    for (let i = 0; i < blocks; i++) {
      const shape = { inputs: channels, outputs, expansion, stride: i === 0 ? first : 1 };
      add((name) => block(parameters, name, shape), shape.stride, outputs);
      channels = outputs;
    }
  }
  const last = { inputs: channels, outputs: 1280, kernel: 1 };
  add((name) => convolutionRelu6(parameters, name, last), 1, last.outputs);
  const logits = () => frozenLinear(parameters, 'classifier.1', 1280, 1000);
  const classifier = { prefix: 'classifier.', logits };
  return new StagedEncoder({ name: 'mobilenet_v2', parameters, stages, classifier });
}
