/** Adam and clipping against PyTorch's numbers and by hand, on the backend that is in use. */
import { describe, expect, test } from 'vitest';
import { tf } from '../../src/backend/index.js';
import { expectClose, goldenValues } from '../helpers.js';
import { byLength, golden, goldenBatch, goldenDecoder, goldenFeatures, tolerance } from './parity.js';
import { Adam, clipByGlobalNorm } from '../../src/train/optimizer.js';

const options = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

export function optimizerCases(): void {
  describe.each(['plain_lstm', 'soft_attention'] as const)('three steps of %s as in PyTorch', (kind) => {
    test('losses, norms and parameters', () => {
      const decoder = goldenDecoder(kind);
      const { adam } = golden[kind];
      const optimizer = new Adam(decoder.variables(), { ...options, learningRate: adam.lr });
      const features = goldenFeatures(kind, byLength);
      for (const expected of adam.steps) {
        const { loss, gradients } = decoder.lossAndGradients(features, goldenBatch(kind));
        const clipped = clipByGlobalNorm(gradients, adam.clip_norm);
        expect(Math.abs(loss.dataSync()[0] / expected.loss - 1)).toBeLessThan(tolerance);
        expect(Math.abs(clipped.norm.dataSync()[0] / expected.grad_norm - 1)).toBeLessThan(tolerance);
        optimizer.step(clipped.gradients);
      }
      const state = decoder.stateDict();
      for (const [name, after] of Object.entries(adam.after)) {
        const { data } = state.get(name)!;
        // Its gradient is zero but for rounding (1e-10), which Adam blows up to a part of its learning rate.
        if (name === 'attention.full_attn.bias') {
          expect(Math.abs(data[0] - goldenValues(after as never)[0])).toBeLessThan(3e-4);
        } else expectClose(data, after as never, tolerance);
      }
    });
  });

  test('clipping scales to the limit, and never up', () => {
    const gradients = new Map<string, tf.Tensor>([
      ['a', tf.tensor1d([3, 0])],
      ['b', tf.tensor2d([[0, 4]])],
    ]);
    const clipped = clipByGlobalNorm(gradients, 1);
    expect(clipped.norm.dataSync()[0]).toBeCloseTo(5, 6);
    expect(clipped.gradients.get('a')!.dataSync()[0]).toBeCloseTo(0.6, 6);
    expect(clipped.gradients.get('b')!.dataSync()[1]).toBeCloseTo(0.8, 6);
    expect([...clipByGlobalNorm(gradients, 50).gradients.get('a')!.dataSync()]).toEqual([3, 0]);
    expect([...clipByGlobalNorm(gradients, Infinity).gradients.get('a')!.dataSync()]).toEqual([3, 0]);
  });

  test('Adam by hand, and the same after saving and loading', () => {
    const x = tf.variable(tf.tensor1d([1, -2]));
    const first = new Adam(new Map([['x', x]]), options);
    const gradient = new Map([['x', tf.tensor1d([0.5, -3])]]);
    const copy = tf.clone(x); // shares memory with x until the step
    const tensors = tf.memory().numTensors;
    first.step(gradient);
    expect(tf.memory().numTensors).toBe(tensors);
    expect([...copy.dataSync()]).toEqual([1, -2]);
    // m/(1-b1) = g and v/(1-b2) = g^2 after one step: the change is the learning rate against the gradient's sign.
    expect(x.dataSync()[0]).toBeCloseTo(0.999, 6);
    expect(x.dataSync()[1]).toBeCloseTo(-1.999, 6);
    const y = tf.variable(tf.clone(x));
    const second = new Adam(new Map([['x', y]]), options);
    second.loadState(first.stateDict());
    first.step(gradient);
    second.step(gradient);
    expect([...y.dataSync()]).toEqual([...x.dataSync()]);
    expect(second.stateDict()).toEqual(first.stateDict());
    expect(first.stateDict().get('step')!.data[0]).toBe(2);
    expect(() => second.loadState(new Map())).toThrow('missing');
    x.assign(tf.tensor1d([7, 7])); // a variable that someone else has set
    first.step(gradient);
    expect(x.dataSync()[0]).toBeCloseTo(6.999, 3);
    const held = tf.memory().numTensors;
    new Adam(new Map([['x', x]]), options).dispose();
    expect(tf.memory().numTensors).toBe(held);
  });
}
