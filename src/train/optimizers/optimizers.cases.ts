/** Optimizers, clipping and averages against PyTorch's numbers and by hand, on the backend that is in use. */
import { describe, expect, test } from 'vitest';
import { tf } from '../../backend/index.js';
import { expectClose, goldenValues, readGolden } from '../../../tests/helpers.js';
import {
  byLength,
  golden,
  goldenBatch,
  goldenDecoder,
  goldenFeatures,
  tolerance,
} from '../../../tests/decoders/parity.js';
import { trainingSchema, type TrainingConfig } from '../../config/index.js';
import { Adam } from './adam.js';
import { ShownWeights } from './shown.js';
import { clipByValue, clippingScale } from './clipping.js';
import { createOptimizer } from './optimizer.js';

const torch = readGolden('optimizers.json') as {
  start: number[];
  gradients: number[][];
  rates: number[];
  optimizers: Record<string, number[][]>;
  average: { decay: number; after: number[][] };
};
/** By the names in tests/goldens/optimizers.py. */
const settingsOf: Record<string, Partial<TrainingConfig>> = {
  adam: {},
  'adam with weight decay': { beta1: 0.8, beta2: 0.99, epsilon: 1e-6, weightDecay: 0.1 },
  adamw: { optimizer: 'adamw', weightDecay: 0.1 },
  sgd: { optimizer: 'sgd', momentum: 0 },
  'sgd with momentum': { optimizer: 'sgd', momentum: 0.9 },
  'sgd with nesterov momentum and weight decay': {
    optimizer: 'sgd',
    momentum: 0.9,
    nesterov: true,
    weightDecay: 0.1,
  },
};
const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decoupled: false };
const update = () => ({ learningRate: 1e-3, weightDecay: 0 });

export function optimizerCases(): void {
  describe.each(['plain_lstm', 'soft_attention'] as const)('three steps of %s as in PyTorch', (kind) => {
    test('losses, norms and parameters', () => {
      const decoder = goldenDecoder(kind);
      const { adam } = golden[kind];
      const optimizer = new Adam(decoder.variables(), options);
      const features = goldenFeatures(kind, byLength);
      for (const expected of adam.steps) {
        const { loss, gradients } = decoder.lossAndGradients(features, goldenBatch(kind));
        const { scale, norm } = clippingScale(gradients, adam.clip_norm);
        expect(Math.abs(loss.dataSync()[0] / expected.loss - 1)).toBeLessThan(tolerance);
        expect(Math.abs(norm.dataSync()[0] / expected.grad_norm - 1)).toBeLessThan(tolerance);
        optimizer.step(gradients, () => ({ learningRate: adam.lr, weightDecay: 0 }), scale);
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
    const { scale, norm, norms } = clippingScale(gradients, 1);
    expect([...norms.dataSync()]).toEqual([3, 4]);
    expect(norm.dataSync()[0]).toBeCloseTo(5, 6);
    expect(scale.dataSync()[0]).toBeCloseTo(0.2, 6);
    expect(clippingScale(gradients, 50).scale.dataSync()[0]).toBe(1);
    expect(clippingScale(gradients, Infinity).scale.dataSync()[0]).toBe(1);
  });

  test('clipping by value', () => {
    const gradients = new Map<string, tf.Tensor>([['a', tf.tensor1d([3, -0.5, -7])]]);
    expect([...clipByValue(gradients, 2).get('a')!.dataSync()]).toEqual([2, -0.5, -2]);
    expect([...gradients.get('a')!.dataSync()]).toEqual([3, -0.5, -7]);
  });

  test.each(Object.entries(torch.optimizers))('%s as in PyTorch, also when it goes on', (name, expected) => {
    const settings = settingsOf[name];
    const training = trainingSchema.parse(settings);
    const x = tf.variable(tf.tensor1d(torch.start));
    const variables = new Map([['x', x]]);
    let optimizer = createOptimizer(variables, training);
    torch.gradients.forEach((gradient, i) => {
      if (i === 2) {
        const next = createOptimizer(variables, training);
        next.loadState(optimizer.stateDict());
        optimizer.dispose();
        optimizer = next;
      }
      const { weightDecay } = training;
      const tensors = tf.memory().numTensors;
      const gradients = new Map([['x', tf.tensor1d(gradient)]]);
      optimizer.step(gradients, () => ({ learningRate: torch.rates[i], weightDecay }));
      tf.dispose([...gradients.values()]);
      expect(tf.memory().numTensors).toBe(tensors);
      x.dataSync().forEach((value, j) => expect(value).toBeCloseTo(expected[i][j], 5));
    });
    optimizer.dispose();
    if (settings.optimizer === 'sgd' && training.momentum === 0) return;
    expect(() => createOptimizer(variables, training).loadState(new Map())).toThrow(/missing/);
  });

  test('the average of the weights as in PyTorch, also when it goes on; weights come back', async () => {
    const x = tf.variable(tf.tensor1d(torch.start));
    const variables = new Map([['x', x]]);
    let average = new ShownWeights(variables, torch.average.decay);
    for (const [i, values] of [torch.start, ...torch.gradients].entries()) {
      x.assign(tf.tensor1d(values));
      if (i === 3) {
        const next = new ShownWeights(variables, torch.average.decay);
        next.loadState(average.stateDict());
        average.dispose();
        average = next;
      }
      average.update();
      const seen = await average.during(() => [...x.dataSync()]);
      seen.forEach((value, j) => expect(value).toBeCloseTo(torch.average.after[i][j], 6));
      expect([...x.dataSync()]).toEqual([...Float32Array.from(values)]);
    }
    average.dispose();
  });

  test('a share of the way from the first weights, with and without an average, also when it goes on', async () => {
    const x = tf.variable(tf.tensor1d([1, 10]));
    const variables = new Map([['x', x]]);
    const tensors = tf.memory().numTensors;
    const plain = new ShownWeights(variables, null, 0.25);
    let averaged = new ShownWeights(variables, 0.5, 0.25);
    for (const values of [
      [3, 10],
      [5, 30],
    ]) {
      x.assign(tf.tensor1d(values));
      plain.update();
      averaged.update();
    }
    const shown = async (weights: ShownWeights) => weights.during(() => [...x.dataSync()]);
    expect(await shown(plain)).toEqual([1 + 0.25 * 4, 10 + 0.25 * 20]);
    expect(await shown(averaged)).toEqual([1 + 0.25 * 3, 10 + 0.25 * 10]); // of averages 4 and 20
    const next = new ShownWeights(variables, 0.5, 0.25); // from the weights of now
    next.loadState(averaged.stateDict());
    averaged.dispose();
    averaged = next;
    expect(await shown(averaged)).toEqual([1.75, 12.5]);
    expect([...x.dataSync()]).toEqual([5, 30]);
    expect(() => averaged.loadState(new Map())).toThrow(/"start\.x" should be 2 but is missing/);
    plain.dispose();
    averaged.dispose();
    expect(tf.memory().numTensors).toBe(tensors + 2); // the values of the loop
  });

  test('Adam by hand, and the same after saving and loading', () => {
    const x = tf.variable(tf.tensor1d([1, -2]));
    const first = new Adam(new Map([['x', x]]), options);
    const gradient = new Map([['x', tf.tensor1d([0.5, -3])]]);
    const copy = tf.clone(x); // shares memory with x until the step
    const tensors = tf.memory().numTensors;
    first.step(gradient, update);
    expect(tf.memory().numTensors).toBe(tensors);
    expect([...copy.dataSync()]).toEqual([1, -2]);
    // m/(1-b1) = g and v/(1-b2) = g^2 after one step: the change is the learning rate against the gradient's sign.
    expect(x.dataSync()[0]).toBeCloseTo(0.999, 6);
    expect(x.dataSync()[1]).toBeCloseTo(-1.999, 6);
    const y = tf.variable(tf.clone(x));
    const second = new Adam(new Map([['x', y]]), options);
    second.loadState(first.stateDict());
    first.step(gradient, update);
    second.step(gradient, update);
    expect([...y.dataSync()]).toEqual([...x.dataSync()]);
    expect(second.stateDict()).toEqual(first.stateDict());
    expect(first.stateDict().get('step')!.data[0]).toBe(2);
    expect(() => second.loadState(new Map())).toThrow('missing');
    x.assign(tf.tensor1d([7, 7])); // a variable that someone else has set
    first.step(gradient, update);
    expect(x.dataSync()[0]).toBeCloseTo(6.999, 3);
    const held = tf.memory().numTensors;
    new Adam(new Map([['x', x]]), options).dispose();
    expect(tf.memory().numTensors).toBe(held);
  });
}
