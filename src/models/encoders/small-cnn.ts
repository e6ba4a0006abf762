/**
 * A small convolutional network for small pictures, to be trained from scratch with its decoder: four 3x3 convolutions
 * with BatchNorm and ReLU. The last one also sees where it looks, as two channels (CoordConv, Liu et al. 2018): a decoder
 * that says what is left of what learns from places. (B, H, W, 3) -> (B, H/16, W/16, 96).
 */
import { tf } from '../../backend/index.js';
import { convolution, type EncoderParameters, heFanIn, type Layer } from '../layers/index.js';
import { StagedEncoder, type Encoder, type Stage } from './encoder.js';

const EPSILON = 1e-5;
/** Each halves the map: by its stride, or by taking the largest of 2x2 places. */
const LAYERS = [
  { outputs: 16, pooled: false },
  { outputs: 32, pooled: true },
  { outputs: 64, pooled: true },
  { outputs: 96, pooled: true },
];

export function smallCnn(parameters: EncoderParameters): Encoder {
  const stages = LAYERS.map(({ outputs, pooled }, i): Stage => {
    const last = i === LAYERS.length - 1;
    const inputs = (i === 0 ? 3 : LAYERS[i - 1].outputs) + (last ? 2 : 0);
    const build = (): Layer => {
      const conv = convolution(parameters, {
        name: `conv${i + 1}`,
        norm: `bn${i + 1}`,
        epsilon: EPSILON,
        inputs,
        outputs,
        kernel: 3,
        stride: pooled ? 1 : 2,
        initial: heFanIn(inputs, 3),
      });
      return (x) =>
        tf.tidy(() => {
          const y = tf.relu(conv(last ? withPlaces(x) : x));
          return pooled ? tf.maxPool(y, 2, 2, 'same') : y;
        });
    };
    return { name: `conv${i + 1}`, build, stride: 2, channels: outputs };
  });
  return new StagedEncoder({ name: 'small_cnn', parameters, stages });
}

/** Adds how far down and how far right each place lies, both from -1 to 1: (B, H, W, C) -> (B, H, W, C + 2). */
function withPlaces(x: tf.Tensor4D): tf.Tensor4D {
  const [size, height, width] = x.shape;
  const down = tf.reshape(tf.linspace(-1, 1, height), [1, height, 1, 1]);
  const right = tf.reshape(tf.linspace(-1, 1, width), [1, 1, width, 1]);
  const whole = (axis: tf.Tensor) => tf.broadcastTo<tf.Rank.R4>(axis, [size, height, width, 1]);
  return tf.concat([x, whole(down), whole(right)], 3);
}
