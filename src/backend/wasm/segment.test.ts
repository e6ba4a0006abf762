import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../core/index.js';
import { tf } from '../tf.js';
import { drawn, expectAsOnCpu } from './cpu.cases.js';
import { loadWasm } from './load.js';

beforeAll(async () => void (await loadWasm()));

describe('unsortedSegmentSum', () => {
  it('adds up by hand, leaves out ids out of range, and leaves absent segments at 0', async () => {
    await tf.setBackend('wasm');
    const before = tf.memory().numTensors;
    const x = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [5, 2]);
    const ids = tf.tensor1d([3, 0, 3, -1, 4], 'int32');
    const sums = tf.unsortedSegmentSum(x, ids, 4);
    expect(sums.shape).toEqual([4, 2]);
    expect([...sums.dataSync()]).toEqual([3, 4, 0, 0, 0, 0, 6, 8]); // rows 0 and 2: 1 + 5, 2 + 6
    const counts = tf.unsortedSegmentSum(tf.tensor1d([1, 1, 1, 1, 1], 'int32'), ids, 4);
    expect(counts.dtype).toBe('int32');
    expect([...counts.dataSync()]).toEqual([1, 0, 0, 2]);
    expect(tf.memory().numTensors).toBe(before + 5);
  });

  it('as on the cpu backend', async () => {
    const random = Random.from(1);
    for (const shape of [[6], [9, 4], [50, 3, 5]]) {
      const ids = Int32Array.from({ length: shape[0] }, () => random.integer(7));
      await expectAsOnCpu([drawn(random, shape)], ([x]) =>
        tf.tidy(() => [tf.unsortedSegmentSum(x, tf.tensor1d(ids.slice(), 'int32'), 7)]),
      );
    }
  });

  it('is the gradient of gather, of rows and along another axis', async () => {
    const random = Random.from(2);
    for (const [axis, outShape] of [
      [0, [5, 4]],
      [1, [6, 5]],
    ] as const) {
      await expectAsOnCpu([drawn(random, [6, 4]), drawn(random, [...outShape])], ([table, dy]) =>
        tf.tidy(() => {
          const rows = tf.tensor1d([1, 3, 1, 0, 3], 'int32');
          return [tf.grad((x) => tf.gather(x, rows, axis))(table, dy)];
        }),
      );
    }
  });
});
