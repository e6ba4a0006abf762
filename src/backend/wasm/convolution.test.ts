import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../core/index.js';
import { tf } from '../tf.js';
import { drawn, expectAsOnCpu } from './cpu.cases.js';
import { loadWasm } from './load.js';

beforeAll(async () => void (await loadWasm()));

type Pad = 'same' | 'valid' | number;

interface Case {
  images: [batch: number, height: number, width: number, channels: number];
  kernel: [height: number, width: number];
  outputs: number;
  stride: number | [number, number];
  pad: Pad;
}

/** A convolution, and its gradients for its input and its filter, with a random gradient of the output. */
async function compare(random: Random, { images, kernel, outputs, stride, pad }: Case, depthwise: boolean) {
  const filter = [...kernel, images[3], depthwise ? 1 : outputs];
  const convolve = (x: tf.Tensor, f: tf.Tensor) => {
    const [x4, f4] = [x as tf.Tensor4D, f as tf.Tensor4D];
    return depthwise ? tf.depthwiseConv2d(x4, f4, stride, pad) : tf.conv2d(x4, f4, stride, pad);
  };
  const { outShape } = tf.backend_util.computeConv2DInfo(
    images,
    filter as Case['images'],
    stride,
    1,
    pad,
    undefined,
    depthwise,
  );
  const inputs = [drawn(random, images), drawn(random, filter), drawn(random, outShape)];
  await expectAsOnCpu(inputs, ([x, f, dy]) => [
    // TensorFlow.js' own kernel errs with a kernel of 1x5, stride 2 and padding 'same'.
    ...(kernel[0] === kernel[1] ? [convolve(x, f)] : []),
    ...tf.grads(convolve)([x, f], dy),
  ]);
}

function randomCase(random: Random): Case {
  const side = () => 5 + random.integer(9);
  const kernel = () => random.pick([1, 3, 5, 7]);
  const square = random.next() < 0.7;
  const first = kernel();
  const size: Case['kernel'] = [first, square ? first : kernel()];
  const images: Case['images'] = [1 + random.integer(3), side(), side(), 1 + random.integer(10)];
  const pads: Pad[] = ['same'];
  if (size.every((length, i) => length <= images[i + 1])) pads.push('valid');
  // TensorFlow.js takes the height's kernel and stride for the width too where the padding is a number.
  if (square) pads.push(1, 2, 3);
  const pad = random.pick(pads);
  return {
    images,
    kernel: size,
    outputs: 1 + random.integer(10),
    stride: typeof pad === 'number' ? random.pick([1, 2]) : random.pick([1, 2, [2, 1], 3]),
    pad,
  };
}

describe.each([
  ['conv2d', false],
  ['depthwiseConv2d', true],
])('%s and its gradients', (_, depthwise) => {
  // prettier-ignore
  const cases: [string, Case][] = [
    ['1x1', { images: [2, 6, 5, 7], kernel: [1, 1], outputs: 9, stride: 1, pad: 'same' }],
    ['1x1, stride 2', { images: [2, 7, 6, 4], kernel: [1, 1], outputs: 3, stride: 2, pad: 'valid' }],
    ['1x1 with a border', { images: [2, 4, 4, 3], kernel: [1, 1], outputs: 3, stride: 1, pad: 1 }],
    ['3x3, stride 2, odd, same', { images: [2, 9, 9, 5], kernel: [3, 3], outputs: 4, stride: 2, pad: 'same' }],
    ['3x3, stride 2, even, same', { images: [2, 8, 8, 5], kernel: [3, 3], outputs: 4, stride: 2, pad: 'same' }],
    ['3x3, stride 2, even, border left over', { images: [2, 8, 8, 5], kernel: [3, 3], outputs: 4, stride: 2, pad: 'valid' }],
    ['3x3, many channels', { images: [2, 7, 6, 18], kernel: [3, 3], outputs: 27, stride: 1, pad: 'same' }],
    ['3x3, a large filter', { images: [1, 4, 5, 99], kernel: [3, 3], outputs: 88, stride: 1, pad: 'same' }],
    ['5x5, stride 2', { images: [1, 11, 10, 8], kernel: [5, 5], outputs: 8, stride: 2, pad: 2 }],
    ['7x7, stride 2', { images: [1, 16, 15, 3], kernel: [7, 7], outputs: 16, stride: 2, pad: 3 }],
    ['kernel as large as the image', { images: [3, 5, 5, 2], kernel: [5, 5], outputs: 6, stride: 1, pad: 'valid' }],
  ];
  it.each(cases)('%s', (_, one) => compare(Random.from(1), one, depthwise));

  it('40 random sizes, strides and paddings', async () => {
    const random = Random.for(7, String(depthwise));
    for (let i = 0; i < 40; i++) {
      const one = randomCase(random);
      await compare(random, one, depthwise).catch((cause: unknown) => {
        throw new Error(`differs for ${JSON.stringify(one)}`, { cause });
      });
    }
  });
});

describe('what is not supported is refused', () => {
  const gradient = (filter: number[], convolve: (x: tf.Tensor4D, f: tf.Tensor4D) => tf.Tensor) =>
    tf.tidy(() => {
      tf.grads((x, f) => convolve(x as tf.Tensor4D, f as tf.Tensor4D))([
        tf.ones([1, 6, 6, 2]),
        tf.ones(filter),
      ]);
    });
  beforeAll(async () => void (await tf.setBackend('wasm')));

  it('several filters a channel', () => {
    expect(() => gradient([3, 3, 2, 2], (x, f) => tf.depthwiseConv2d(x, f, 1, 'same'))).toThrow(
      'the gradient of depthwiseConv2d on WebAssembly supports only one filter a channel, not 2',
    );
  });

  it('dilation and channels first', () => {
    const inputs = { dy: tf.ones([1, 6, 6, 2]), filter: tf.ones([3, 3, 2, 2]) };
    const run = (attributes: object) => () =>
      tf.engine().runKernel(tf.Conv2DBackpropInput, inputs, {
        strides: 1,
        pad: 'same',
        inputShape: [1, 6, 6, 2],
        ...attributes,
      });
    expect(run({ dilations: [1, 2] })).toThrow('conv2d on WebAssembly supports only dilation 1, not 1,2');
    expect(run({ dataFormat: 'NCHW' })).toThrow('supports only channels last, not NCHW');
    tf.dispose(Object.values(inputs));
  });
});
