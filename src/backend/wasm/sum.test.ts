import { beforeAll, expect, it } from 'vitest';
import { Random } from '../../core/index.js';
import { tf } from '../tf.js';
import { drawn, expectAsOnCpu } from './cpu.cases.js';
import { loadWasm } from './load.js';

beforeAll(async () => void (await loadWasm()));

it.each([
  [[7, 5], [0]],
  [[1, 5], [0]],
  [
    [300, 4, 3],
    [1, 0],
  ],
  [
    [2, 3, 4, 33],
    [0, 1, 2],
  ],
  [[4, 6], [-2]],
  [[4, 6], [1]],
  [
    [4, 6],
    [0, 1],
  ],
  [[3, 0], [0]],
])('sums and means of %j over %j as on the cpu backend', async (shape, axes) => {
  const x = drawn(Random.from(shape.join()), shape);
  await expectAsOnCpu([x], ([input]) => [
    tf.sum(input, axes),
    tf.sum(input, axes, true),
    tf.mean(input, axes),
    tf.mean(input, axes, true),
  ]);
});

it('whole numbers stay whole', async () => {
  await tf.setBackend('wasm');
  const sums = tf.tidy(() => tf.sum(tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2], 'int32'), 0));
  expect([sums.dtype, ...sums.dataSync()]).toEqual(['int32', 9, 12]);
  sums.dispose();
});

it('sums of many rows are near the exact ones', async () => {
  await tf.setBackend('wasm');
  const [rows, columns] = [100_000, 9];
  const { values } = drawn(Random.from(3), [rows, columns]);
  values.forEach((value, i) => (values[i] = value + 1));
  const exact = new Float64Array(columns);
  values.forEach((value, i) => (exact[i % columns] += value));
  const sums = tf.tidy(() => tf.sum(tf.tensor2d(values, [rows, columns]), 0).dataSync());
  // One float32 accumulator a column is off by up to 1e-4.
  exact.forEach((sum, column) => expect(Math.abs(sums[column] / sum - 1)).toBeLessThan(2e-6));
});
