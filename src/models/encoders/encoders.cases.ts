/** The contract of every registered encoder, run on each backend by the test files beside. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
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
  names: string[];
  map: GoldenArray;
  pooled: GoldenArray;
  logits: GoldenArray;
}

/** Relative to the array's largest magnitude; float32 sums in another order differ by about 1e-6. */
const TOLERANCE = 1e-4;

function goldenState(name: string): StateDict {
  const drawn = createEncoder({ name, state: null, train: 'none', seed: 1 });
  const state = new Map(
    [...drawn.stateDict()].map(([key, { shape }]) => [key, { shape, data: goldenParameter(key, shape) }]),
  );
  drawn.dispose();
  return state;
}

const isBuffer = (key: string) => /running_|num_batches/.test(key);

export function encoderCases(backend: 'native' | 'wasm'): void {
  let tensors = 0;
  beforeAll(async () => {
    await prepareBackend({ backend });
    tensors = tf.memory().numTensors;
  });
  // Every case disposes of what it made; a leak in any of them shows here.
  afterEach(() => expect(tf.memory().numTensors).toBe(tensors));

  const images = (side: number, batch: number) =>
    tf.tensor4d(uniform(`input.${side}`, batch * side * side * 3), [batch, side, side, 3]);

  describe.each(['resnet34', 'mobilenet_v3_small'])('%s beside torchvision', (name) => {
    const golden = (readGolden('encoders.json') as { models: Record<string, Golden> }).models[name];

    it('has its parameters by name and number', () => {
      const encoder = createEncoder({ name, state: null, train: 'none', seed: 1 });
      const state = encoder.stateDict();
      expect([...state.keys()].sort()).toEqual([...golden.names].sort());
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
      const trained = createEncoder({ name, state: null, train: 'all', seed: 7 });
      const state = trained.stateDict();
      const frozen = createEncoder({ name, state, train: 'none', seed: 0 });
      expect(frozen.stateDict()).toEqual(state);
      expect(frozen.variables().size).toBe(0);
      tf.tidy(() => {
        const x = images(64, 1);
        const expected = trained.forward(x).dataSync();
        const actual = frozen.forward(x).dataSync();
        const absmax = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
        expect(absmax).toBeGreaterThan(0);
        expected.forEach((value, i) => expect(Math.abs(actual[i] - value)).toBeLessThan(TOLERANCE * absmax));
      });
      trained.dispose();
      frozen.dispose();
    });

    it('gives a map of the announced shape from every stage', () => {
      const encoder = createEncoder({ name, state: null, train: 'none', seed: 1 });
      for (const stage of encoder.stages) {
        tf.tidy(() =>
          expect(encoder.forward(images(72, 1), stage).shape).toEqual([
            1,
            ...encoder.outputShape(72, 72, stage),
          ]),
        );
      }
      tf.tidy(() => {
        expect(() => encoder.forward(images(32, 1), 'top')).toThrow(/no stage "top"; its stages are/);
      });
      encoder.dispose();
    });

    it('has finite gradients for every variable when it is trained', () => {
      const encoder = createEncoder({ name, state: null, train: 'all', seed: 1 });
      tf.tidy(() => {
        const x = images(32, 2);
        const variables = [...encoder.variables().values()];
        const { grads } = tf.variableGrads(
          () => tf.mean(tf.square(encoder.forward(x))) as tf.Scalar,
          variables,
        );
        for (const [key, variable] of encoder.variables()) {
          const values = grads[variable.name].dataSync();
          expect(values.every(Number.isFinite), key).toBe(true);
        }
      });
      encoder.dispose();
    });
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
      /no encoder "vgg"; known are resnet34/,
    );
  });
}
