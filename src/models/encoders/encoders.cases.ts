/** The contract of every registered encoder, run on each backend by the test files beside. */
import { createHash } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { prepareBackend, tf } from '../../backend/index.js';
import { UserError } from '../../core/index.js';
import {
  expectClose,
  goldenParameter,
  readGolden,
  uniform,
  type GoldenArray,
} from '../../../tests/helpers.js';
import type { StateDict } from '../state.js';
import { createEncoder, encoders } from './registry.js';

interface Golden {
  params: number;
  /** Tensors of the state dict. */
  entries: number;
  map: GoldenArray;
  pooled: GoldenArray;
  logits: GoldenArray;
}

/** Relative to the array's largest magnitude; float32 sums in another order differ by about 1e-6. */
const TOLERANCE = 1e-4;

/** SHA-256, first digits, of the sorted names of torchvision's `state_dict()`, joined by newlines. */
const NAMES: Record<string, string> = {
  resnet18: '1b222b5edf28815d',
  resnet34: '11e446a2639455a0',
  resnet50: '87b9390070d0ad82',
  resnet101: 'ad7ce67b73f4f6f8',
  resnet152: '79d2d5adfa524617',
  mobilenet_v2: 'fa53881f7aefa303',
  mobilenet_v3_small: '32245a7b7012ed1a',
  mobilenet_v3_large: 'c41b166b481f3f61',
};

/** What `make` gives for a name, kept for the last one: ResNet-152 has 60 million numbers to draw. */
function once(make: (name: string) => StateDict): (name: string) => StateDict {
  let last: { name: string; state: StateDict } | undefined;
  return (name) => {
    if (last?.name !== name) last = { name, state: make(name) };
    return new Map(last.state);
  };
}

const drawnState = once((name) => {
  const encoder = createEncoder({ name, state: null, train: 'none', seed: 7 });
  const state = encoder.stateDict();
  encoder.dispose();
  return state;
});

const goldenState = once(
  (name) =>
    new Map(
      [...drawnState(name)].map(([key, { shape }]) => [key, { shape, data: goldenParameter(key, shape) }]),
    ),
);

/** Exactly; vitest's own comparison takes a minute for so many numbers. */
function expectSameState(actual: StateDict, expected: StateDict): void {
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  for (const [name, { shape, data }] of expected) {
    expect(actual.get(name)!.shape, name).toEqual(shape);
    expect(Buffer.from(actual.get(name)!.data.buffer).equals(Buffer.from(data.buffer)), name).toBe(true);
  }
}

const isBuffer = (key: string) => /running_|num_batches/.test(key);

export function encoderCases(backend: 'native' | 'wasm'): void {
  let tensors = 0;
  beforeAll(async () => void (await prepareBackend({ backend })));
  beforeEach(() => void (tensors = tf.memory().numTensors));
  // Every case disposes of what it made.
  afterEach(() => expect(tf.memory().numTensors).toBe(tensors));

  const images = (side: number, batch: number) =>
    tf.tensor4d(uniform(`input.${side}`, batch * side * side * 3), [batch, side, side, 3]);

  const golds = (readGolden('encoders.json') as { models: Record<string, Golden> }).models;
  describe.each(Object.keys(golds))('%s beside torchvision', (name) => {
    const golden = golds[name];

    it('has its parameters by name and number', () => {
      const encoder = createEncoder({ name, state: goldenState(name), train: 'none', seed: 1 });
      const state = encoder.stateDict();
      const names = [...state.keys()].sort().join('\n');
      expect(createHash('sha256').update(names).digest('hex').slice(0, 16)).toBe(NAMES[name]);
      expect(state.size).toBe(golden.entries);
      const parameters = [...state].filter(([key]) => !isBuffer(key));
      expect(parameters.reduce((sum, [, { data }]) => sum + data.length, 0)).toBe(golden.params);
      expect(encoders[name].parameters).toBe(golden.params);
      encoder.dispose();
    });

    it.each(['none', 'all'] as const)('gives its map, pooled feature and logits (train: %s)', (train) => {
      const encoder = createEncoder({ name, state: goldenState(name), train, seed: 1 });
      tf.tidy(() => {
        const map = encoder.forward(images(96, 2));
        const pooled = encoder.pooled(map);
        expect(map.shape).toEqual(golden.map.shape);
        expect(map.shape.slice(1)).toEqual(encoder.outputShape(96, 96));
        expectClose(map.dataSync(), golden.map, TOLERANCE);
        expectClose(pooled.dataSync(), golden.pooled, TOLERANCE);
        expectClose(encoder.logits!(pooled).dataSync(), golden.logits, TOLERANCE);
      });
      encoder.dispose();
    });

    it('names what is missing, misshapen or unknown in the weights', () => {
      const state = goldenState(name);
      const [first, second] = [...state.keys()];
      state.delete(first);
      state.set(second, { shape: [3], data: new Float32Array(3) });
      state.set('extra.weight', { shape: [1], data: new Float32Array(1) });
      const build = () => createEncoder({ name, state, train: 'none', seed: 1 });
      expect(build).toThrow(UserError);
      expect(build).toThrow(
        new RegExp(`${first} .*missing; ${second} is 3, expected .*; extra.weight is not`),
      );
    });

    it('works without its classifier', () => {
      const state = new Map([...goldenState(name)].filter(([key]) => !/^(classifier|fc)\./.test(key)));
      const encoder = createEncoder({ name, state, train: 'none', seed: 1 });
      expect(encoder.logits).toBeUndefined();
      expect([...encoder.stateDict({ classifier: false }).keys()]).toEqual([...encoder.stateDict().keys()]);
      encoder.dispose();
    });
  });

  describe.each(Object.keys(encoders))('%s', (name) => {
    it('gives back the state it was made from, and the same output from it', () => {
      const state = drawnState(name);
      const trained = createEncoder({ name, state, train: 'all', seed: 0 });
      const frozen = createEncoder({ name, state, train: 'none', seed: 0 });
      expectSameState(trained.stateDict(), state);
      expectSameState(frozen.stateDict(), state);
      expect(frozen.variables().size).toBe(0);
      tf.tidy(() => {
        const x = images(64, 1);
        const expected = trained.forward(x).dataSync<'float32'>();
        const actual = frozen.forward(x).dataSync<'float32'>();
        const absmax = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
        const worst = expected.reduce((max, value, i) => Math.max(max, Math.abs(actual[i] - value)), 0);
        expect(absmax).toBeGreaterThan(0);
        expect(worst / absmax).toBeLessThan(TOLERANCE);
      });
      trained.dispose();
      frozen.dispose();
    });

    it('gives a map of the announced shape from every stage', () => {
      const encoder = createEncoder({ name, state: drawnState(name), train: 'none', seed: 1 });
      for (const stage of encoder.stages) {
        tf.tidy(() => {
          const { shape } = encoder.forward(images(72, 1), stage);
          expect(shape).toEqual([1, ...encoder.outputShape(72, 72, stage)]);
        });
      }
      tf.tidy(() => {
        expect(() => encoder.forward(images(32, 1), 'top')).toThrow(/no stage "top"; its stages are/);
      });
      expect(encoder.outputShape(72, 72)[2]).toBe(encoders[name].channels);
      encoder.dispose();
    });

    it('has finite gradients for every variable when it is trained', () => {
      const encoder = createEncoder({ name, state: drawnState(name), train: 'all', seed: 1 });
      tf.tidy(() => {
        const x = images(32, 2);
        const variables = [...encoder.variables().values()];
        const { grads } = tf.variableGrads(
          () => tf.mean(tf.square(encoder.forward(x))) as tf.Scalar,
          variables,
        );
        for (const [key, variable] of encoder.variables()) {
          const values = grads[variable.name].dataSync<'float32'>();
          expect(values.every(Number.isFinite), key).toBe(true);
          expect(
            values.some((value) => value !== 0),
            key,
          ).toBe(true);
        }
      });
      encoder.dispose();
    });
  });

  it('learns BatchNorm statistics when it starts from random weights', () => {
    const encoder = createEncoder({ name: 'small_cnn', state: null, train: 'all', seed: 1 });
    tf.tidy(() => {
      const x = images(32, 4);
      const before = encoder.forward(x).dataSync();
      const byBatch = encoder.forward(x, null, { training: true }).dataSync();
      expect(byBatch).not.toEqual(before);
      // Each step blends a tenth of the batch's statistics in: after many on one batch they are the batch's.
      for (let step = 0; step < 100; step++) tf.tidy(() => void encoder.forward(x, null, { training: true }));
      const frozen = createEncoder({ name: 'small_cnn', state: encoder.stateDict(), train: 'none', seed: 1 });
      for (const learnt of [encoder.forward(x), frozen.forward(x)].map((map) => map.dataSync<'float32'>())) {
        // The running variance is the unbiased one, N / (N - 1) times the batch's; N is 64 in the last layer.
        const worst = learnt.reduce((max, value, i) => Math.max(max, Math.abs(value - byBatch[i])), 0);
        expect(worst).toBeLessThan(0.05);
      }
      frozen.dispose();
    });
    encoder.dispose();
  });

  it('leaves BatchNorm statistics as they are when it starts from given weights', () => {
    const state = drawnState('small_cnn');
    const encoder = createEncoder({ name: 'small_cnn', state, train: 'all', seed: 1 });
    tf.tidy(() => {
      const x = images(32, 4);
      const training = encoder.forward(x, null, { training: true }).dataSync();
      expect(training).toEqual(encoder.forward(x).dataSync());
    });
    expectSameState(encoder.stateDict(), state);
    encoder.dispose();
  });

  it('draws the same weights from the same seed, others from another', () => {
    const weights = (seed: number) => {
      const encoder = createEncoder({ name: 'small_cnn', state: null, train: 'none', seed });
      const { data } = encoder.stateDict().get('conv1.weight')!;
      encoder.dispose();
      return data;
    };
    expect(weights(1)).toEqual(weights(1));
    expect(weights(1)).not.toEqual(weights(2));
  });

  it('refuses a name that is not registered', () => {
    expect(() => createEncoder({ name: 'vgg', state: null, train: 'none', seed: 1 })).toThrow(
      /no encoder "vgg"; known are resnet18, resnet34/,
    );
  });
}
