/**
 * ResNet-34 (He et al. 2016, table 1, basic blocks), as torchvision's `resnet34`: the same names, padding and BatchNorm
 * epsilon (torchvision/models/resnet.py).
 */
import { tf } from '../../backend/index.js';
import { convolution, type EncoderParameters, frozenLinear, heFanOut, type Layer } from '../layers/index.js';
import { StagedEncoder, type Encoder, type Stage } from './encoder.js';

const EPSILON = 1e-5;
/** Basic blocks of layer1 .. layer4. */
const DEPTHS = [3, 4, 6, 3];

function normed(
  parameters: EncoderParameters,
  name: string,
  norm: string,
  shape: { inputs: number; outputs: number; kernel: number; stride: number },
): Layer {
  const initial = heFanOut(shape.outputs, shape.kernel);
  return convolution(parameters, { name, norm, epsilon: EPSILON, ...shape, initial });
}

function basicBlock(
  parameters: EncoderParameters,
  name: string,
  inputs: number,
  outputs: number,
  stride: number,
): Layer {
  const conv1 = normed(parameters, `${name}.conv1`, `${name}.bn1`, { inputs, outputs, kernel: 3, stride });
  const conv2 = normed(parameters, `${name}.conv2`, `${name}.bn2`, {
    inputs: outputs,
    outputs,
    kernel: 3,
    stride: 1,
  });
  const changes = stride !== 1 || inputs !== outputs;
  const shortcut = changes
    ? normed(parameters, `${name}.downsample.0`, `${name}.downsample.1`, {
        inputs,
        outputs,
        kernel: 1,
        stride,
      })
    : undefined;
  return (x) => {
    const y = conv2(tf.relu(conv1(x)));
    return tf.relu(tf.add<tf.Tensor4D>(y, shortcut ? shortcut(x) : x));
  };
}

/** Stages stem (H/4), layer1 (H/4, 64) .. layer4 (H/32, 512). */
export function resnet34(parameters: EncoderParameters): Encoder {
  const conv1 = normed(parameters, 'conv1', 'bn1', { inputs: 3, outputs: 64, kernel: 7, stride: 2 });
  const stem: Layer = (x) =>
    tf.tidy(() => {
      const y = tf.relu(conv1(x)); // (B, H/2, W/2, 64)
      // After ReLU nothing is below 0, so zeros are as good a border as PyTorch's -inf.
      const padded = tf.pad(y, [
        [0, 0],
        [1, 1],
        [1, 1],
        [0, 0],
      ]) as tf.Tensor4D;
      return tf.maxPool(padded, 3, 2, 'valid'); // (B, H/4, W/4, 64)
    });
  const stages: Stage[] = [{ name: 'stem', layer: stem, stride: 4, channels: 64 }];
  let channels = 64;
  DEPTHS.forEach((depth, i) => {
    const outputs = 64 * 2 ** i;
    const stride = i === 0 ? 1 : 2;
    const layers: Layer[] = [];
    for (let j = 0; j < depth; j++) {
      layers.push(basicBlock(parameters, `layer${i + 1}.${j}`, channels, outputs, j === 0 ? stride : 1));
      channels = outputs;
    }
    stages.push({
      name: `layer${i + 1}`,
      layer: (x) => tf.tidy(() => layers.reduce((value, layer) => layer(value), x)),
      stride,
      channels: outputs,
    });
  });
  const logits = frozenLinear(parameters, 'fc', 512, 1000);
  return new StagedEncoder({ name: 'resnet34', parameters, stages, classifier: { prefix: 'fc.', logits } });
}
