import { beforeAll, expect, it } from 'vitest';
import { Random } from '../../core/index.js';
import { tf } from '../tf.js';
import { drawn, expectAsOnCpu, type HostTensor } from './cpu.cases.js';
import { loadWasm } from './load.js';

beforeAll(async () => void (await loadWasm()));

const transpositions = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

/** Factors of (..., I, J) x (..., J, K), each stored transposed where it is to be transposed. */
function factors(batch: number[], [i, j, k]: number[], [left, right]: readonly boolean[]): HostTensor[] {
  const random = Random.from([...batch, i, j, k].join());
  return [
    drawn(random, [...batch, ...(left ? [j, i] : [i, j])]),
    drawn(random, [...batch, ...(right ? [k, j] : [j, k])]),
  ];
}

it.each(transpositions)('products as on the cpu backend, transposed %s %s', async (left, right) => {
  for (const [batch, sizes] of [
    [[], [5, 7, 3]],
    [[], [1, 33, 17]],
    [[], [64, 1, 9]],
    [[3], [4, 5, 6]],
    [
      [2, 3],
      [5, 2, 4],
    ],
  ]) {
    await expectAsOnCpu(factors(batch, sizes, [left, right]), ([a, b]) => [tf.matMul(a, b, left, right)]);
  }
});

it.each(transpositions)('gradients as on the cpu backend, transposed %s %s', async (left, right) => {
  const inputs = [...factors([2], [5, 7, 3], [left, right]), drawn(Random.from(3), [2, 5, 3])];
  await expectAsOnCpu(inputs, ([a, b, dy]) => tf.grads((x, y) => tf.matMul(x, y, left, right))([a, b], dy));
});

it.each(transpositions)('fused with bias and ReLU, transposed %s %s', async (transposeA, transposeB) => {
  const inputs = [...factors([], [5, 7, 3], [transposeA, transposeB]), drawn(Random.from(4), [3])];
  await expectAsOnCpu(inputs, ([a, b, bias]) => [
    tf.fused.matMul({
      a: a as tf.Tensor2D,
      b: b as tf.Tensor2D,
      transposeA,
      transposeB,
      bias,
      activation: 'relu',
    }),
  ]);
});

it('a matrix shared by a batch keeps its broadcasting', async () => {
  const random = Random.from(5);
  const inputs = [drawn(random, [4, 5, 6]), drawn(random, [1, 3, 6])];
  await expectAsOnCpu(inputs, ([a, b]) => [tf.matMul(a, b, false, true)]);
  expect(tf.getBackend()).toBe('wasm');
});

it('the same data as a right factor of several shapes', async () => {
  const random = Random.from(6);
  await expectAsOnCpu([drawn(random, [5, 6]), drawn(random, [6]), drawn(random, [4, 1])], ([a, b, c]) =>
    tf.tidy(() => {
      const bias = tf.ones<tf.Rank.R1>([6]);
      const [row, column] = [tf.reshape(b, [1, 6]), tf.reshape(b, [6, 1])];
      return [
        tf.matMul(a, column), // (5, 1)
        tf.matMul(c, row), // (4, 6)
        tf.fused.matMul({ a: c as tf.Tensor2D, b: row as tf.Tensor2D, bias }), // (4, 6)
        tf.matMul(a, column), // (5, 1)
        tf.matMul(tf.reshape(a, [5, 2, 3]), tf.reshape(b, [1, 3, 2])), // (5, 2, 2)
      ];
    }),
  );
});
