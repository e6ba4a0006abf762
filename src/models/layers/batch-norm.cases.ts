/** BatchNorm by the batch beside torch.nn.BatchNorm2d 2.14, run on each backend by the test files beside. */
import { beforeAll, expect, it } from 'vitest';
import { prepareBackend, tf } from '../../backend/index.js';
import { batchNorm, MOMENTUM } from './batch-norm.js';

// BatchNorm2d(2, eps=1e-3) of sin(0.7 i), weight (1.5, -0.5), bias (0.25, 1); gradients of sum(y cos(1.3 i)).
const TORCH = {
  y: [
    -0.025675, 0.602168, 2.231837, 0.448485, 0.741731, 1.300433, -2.022319, 1.743722, -1.471809, 1.042463,
    1.479379, 0.360792, 1.932079, 0.830327, -0.865222, 1.67161,
  ],
  dx: [
    1.975414, -0.230715, -1.604684, 0.433509, 0.986897, -0.578671, -0.787717, 0.866771, -2.032152, -0.403086,
    2.212566, 0.01904, -2.008653, 0.265405, 1.258328, -0.372253,
  ],
  dGamma: [-1.563333, -1.221682],
  dBeta: [0.81422, 0.481962],
  runningMean: [0.012034, 0.007732],
  runningVariance: [0.948884, 0.9579],
};

export function batchNormCases(backend: 'native' | 'wasm'): void {
  beforeAll(async () => void (await prepareBackend({ backend })));

  it('gives output, gradients and running statistics of PyTorch', () => {
    const numbers = (f: (i: number) => number) =>
      tf.tensor4d(
        Array.from({ length: 16 }, (_, i) => f(i)),
        [2, 2, 2, 2],
      );
    const x = numbers((i) => Math.sin(0.7 * i));
    const weights = numbers((i) => Math.cos(1.3 * i));
    const gamma = tf.tensor1d([1.5, -0.5]);
    const beta = tf.tensor1d([0.25, 1]);
    const running: { mean: number[]; variance: number[] }[] = [];
    const near = (actual: tf.Tensor | number[], expected: number[]) => {
      const values = Array.isArray(actual) ? actual : Array.from(actual.dataSync());
      expect(values.length).toBe(expected.length);
      values.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5));
    };
    const norm = (input: tf.Tensor, g: tf.Tensor, b: tf.Tensor) =>
      batchNorm(input as tf.Tensor4D, {
        gamma: g as tf.Tensor1D,
        beta: b as tf.Tensor1D,
        epsilon: 1e-3,
        seen: (mean, variance) =>
          void running.push({ mean: Array.from(mean.dataSync()), variance: Array.from(variance.dataSync()) }),
      });
    near(norm(x, gamma, beta), TORCH.y);
    const [dx, dGamma, dBeta] = tf.grads((...inputs: tf.Tensor[]) =>
      tf.sum(tf.mul(norm(inputs[0], inputs[1], inputs[2]), weights)),
    )([x, gamma, beta]);
    near(dx, TORCH.dx);
    near(dGamma, TORCH.dGamma);
    near(dBeta, TORCH.dBeta);
    near(
      running[0].mean.map((mean) => MOMENTUM * mean),
      TORCH.runningMean,
    );
    near(
      running[0].variance.map((variance) => 1 - MOMENTUM + MOMENTUM * variance),
      TORCH.runningVariance,
    );
  });
}
