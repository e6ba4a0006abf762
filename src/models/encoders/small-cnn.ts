/**
 * A small convolutional network for small pictures, to be trained from scratch with its decoder: four 3x3 convolutions
 * with ReLU, no BatchNorm. (B, H, W, 3) -> (B, H/8, W/8, 128).
 */
import { tf } from '../../backend/index.js';
import { convolution, type EncoderParameters, heFanIn } from '../layers/index.js';
import { StagedEncoder, type Encoder, type Stage } from './encoder.js';

const LAYERS = [
  { outputs: 32, stride: 2 },
  { outputs: 64, stride: 2 },
  { outputs: 96, stride: 2 },
  { outputs: 128, stride: 1 },
];

export function smallCnn(parameters: EncoderParameters): Encoder {
  let inputs = 3;
  const stages = LAYERS.map(({ outputs, stride }, i): Stage => {
    const name = `conv${i + 1}`;
    const conv = convolution(parameters, {
      name,
      inputs,
      outputs,
      kernel: 3,
      stride,
      initial: heFanIn(inputs, 3),
    });
    inputs = outputs;
    return { name, layer: (x) => tf.tidy(() => tf.relu(conv(x))), stride, channels: outputs };
  });
  return new StagedEncoder({ name: 'small_cnn', parameters, stages });
}
