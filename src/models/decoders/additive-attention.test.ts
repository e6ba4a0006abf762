import { beforeAll, expect, it } from 'vitest';
import { prepareBackend, tf } from '../../backend/index.js';
import { GrowingSum } from './additive-attention.js';

beforeAll(() => prepareBackend());

it.each([
  ['by blocks', true],
  ['as a whole', false],
])('a sum whose rows grow, kept %s, leaves nothing behind', (_, byBlocks) => {
  const before = tf.memory().numTensors;
  const sum = new GrowingSum(byBlocks);
  for (const rows of [1, 1, 2, 4, 4]) {
    const x: tf.Tensor3D = tf.fill([rows, 2, 3], rows);
    sum.add(x);
    x.dispose();
  }
  const total = sum.total();
  expect(total.shape).toEqual([4, 2, 3]);
  // The first row is in all of them: 1 + 1 + 2 + 4 + 4; the second in three; the last two in those of four rows.
  expect([...total.dataSync()]).toEqual([12, 10, 8, 8].flatMap((x) => Array<number>(6).fill(x)));
  total.dispose();
  expect(tf.memory().numTensors).toBe(before);
});
