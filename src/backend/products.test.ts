import { beforeAll, describe, expect, test } from 'vitest';
import { currentBackend, matrixProducts, prepareBackend, tf } from './index.js';

/** bfloat16 on native TensorFlow, float32 on wasm. */
beforeAll(async () => {
  await prepareBackend({ backend: 'native', precision: 'bfloat16' }).catch(() =>
    prepareBackend({ backend: 'wasm' }),
  );
});

describe('matrixProducts', () => {
  test.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('small integers are exact, transposed %s %s', (transposeX, transposeY) => {
    const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
    const y = tf.tensor2d([7, 8, 9, 1, 2, 3], [3, 2]);
    const left = transposeX ? tf.transpose(x) : x;
    const right = transposeY ? tf.transpose(y) : y;
    const before = tf.memory().numTensors;
    const products = matrixProducts();
    for (let repeat = 0; repeat < 2; repeat++) {
      const product = products.matMul(left as tf.Tensor2D, right as tf.Tensor2D, transposeX, transposeY);
      expect(product.shape).toEqual([2, 2]);
      expect(product.dtype).toBe('float32');
      expect([...product.dataSync()]).toEqual([31, 19, 85, 55]); // 7 + 18 + 6, 8 + 2 + 9, 28 + 45 + 12, 32 + 5 + 18
      product.dispose();
    }
    products.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('factors are rounded to 8 bits exactly where bfloat16 computes', () => {
    const { precision } = currentBackend();
    const products = matrixProducts();
    const product = products.matMul(tf.tensor2d([[1 + 2 ** -10]]), tf.tensor2d([[1]]));
    expect(product.dataSync()[0]).toBe(precision === 'bfloat16' ? 1 : 1 + 2 ** -10);
    products.dispose();
  });
});
