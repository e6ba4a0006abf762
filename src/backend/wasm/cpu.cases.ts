/** What the tests of the added kernels share: TensorFlow.js' own plain JavaScript backend as the reference. */
import { expect } from 'vitest';
import { Random } from '../../core/index.js';
import { tf } from '../tf.js';

/** Relative to the largest magnitude; both sum in float32, in another order. */
const TOLERANCE = 1e-4;

export interface HostTensor {
  shape: number[];
  values: Float32Array;
}

/** Uniform in [-1, 1). */
export function drawn(random: Random, shape: number[]): HostTensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, values: Float32Array.from({ length: size }, () => 2 * random.next() - 1) };
}

/**
 * Runs `compute` on WebAssembly and on the backend `cpu` and expects the same shapes and values, and no tensor left
 * behind on WebAssembly.
 */
export async function expectAsOnCpu(
  inputs: HostTensor[],
  compute: (inputs: tf.Tensor[]) => tf.Tensor[],
): Promise<void> {
  const run = async (backend: 'wasm' | 'cpu'): Promise<HostTensor[]> => {
    await tf.setBackend(backend);
    const before = tf.memory();
    const tensors = inputs.map(({ shape, values }) => tf.tensor(values.slice(), shape));
    const outputs = compute(tensors);
    const results = outputs.map((tensor) => ({
      shape: tensor.shape,
      values: tensor.dataSync<'float32'>().slice(),
    }));
    tf.dispose(outputs);
    tf.dispose(tensors);
    const { numTensors, numDataBuffers } = tf.memory();
    expect([numTensors, numDataBuffers]).toEqual([before.numTensors, before.numDataBuffers]);
    return results;
  };
  const expected = await run('cpu');
  const actual = await run('wasm');
  expect(actual.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
  expected.forEach(({ values }, i) => expect(distance(actual[i].values, values)).toBeLessThan(TOLERANCE));
}

/** Largest difference over the largest magnitude; infinite when a value is not a number. */
function distance(actual: Float32Array, expected: Float32Array): number {
  let worst = 0;
  let largest = 0;
  expected.forEach((value, i) => {
    const difference = Math.abs(actual[i] - value);
    worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
    largest = Math.max(largest, Math.abs(value));
  });
  return worst / Math.max(largest, Number.MIN_VALUE);
}
