import { beforeAll, expect, it } from 'vitest';
import { Random } from '../../core/index.js';
import { tf } from '../tf.js';
import { drawn, expectAsOnCpu } from './cpu.cases.js';
import { loadWasm } from './load.js';

beforeAll(async () => void (await loadWasm()));

it('by hand: the first of several largest gets the gradient, and overlapping windows add up', async () => {
  await tf.setBackend('wasm');
  const gradient = tf.tidy(() => {
    const x = tf.tensor4d([1, 3, 3, 0, 2, 1], [1, 2, 3, 1]);
    const dy = tf.tensor4d([10, 100], [1, 1, 2, 1]);
    return [
      ...tf
        .grad((input) => tf.maxPool(input as tf.Tensor4D, 2, 1, 'valid'))(x, dy)
        .dataSync(),
    ];
  });
  expect(gradient).toEqual([0, 110, 0, 0, 0, 0]);
});

it('40 random sizes, strides and paddings as on the cpu backend, with many equal numbers', async () => {
  const random = Random.from(1);
  for (let i = 0; i < 40; i++) {
    const shape = [
      1 + random.integer(3),
      4 + random.integer(7),
      4 + random.integer(7),
      1 + random.integer(10),
    ];
    const size: [number, number] = [1 + random.integer(3), 1 + random.integer(3)];
    const strides: [number, number] = [1 + random.integer(3), 1 + random.integer(3)];
    const pad = random.pick(['same', 'valid'] as const);
    const pool = (x: tf.Tensor) => tf.maxPool(x as tf.Tensor4D, size, strides, pad);
    const x = drawn(random, shape);
    x.values.forEach((value, at) => (x.values[at] = Math.round(3 * value)));
    const outShape = tf.backend_util.computePool2DInfo(shape as never, size, strides, 1, pad).outShape;
    await expectAsOnCpu([x, drawn(random, outShape)], ([input, dy]) => [tf.grad(pool)(input, dy)]).catch(
      (cause: unknown) => {
        throw new Error(`differs for ${JSON.stringify({ shape, size, strides, pad })}`, { cause });
      },
    );
  }
});
