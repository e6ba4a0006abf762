/** The hand-derived sequences against automatic differentiation, on the backend that is in use. */
import { describe, expect, test } from 'vitest';
import { tf } from '../../src/backend/index.js';
import {
  createDecoder,
  type Decoder,
  type DecoderConfig,
  type SequenceOptions,
  type TeacherForcedBatch,
} from '../../src/models/decoders/index.js';
import { uniform } from '../helpers.js';
import { plainLstmLoss, plainSoftAttentionLoss } from './reference.js';

const VOCABULARY = 17;
const CHANNELS = 6;
const PLACES = 5;

const lstm = { type: 'lstm', embedding: 7, hidden: 8, layers: 3, dropout: 0.3, outputDropout: 0.4 } as const;
const configs: [string, DecoderConfig][] = [
  ['lstm, projected image', lstm],
  ['lstm, image as it is', { ...lstm, embedding: CHANNELS, layers: 1 }],
  ['soft-attention', { type: 'soft-attention', embedding: 7, hidden: 8, attention: 9, dropout: 0.5 }],
  ['lstm, tied', { ...lstm, embedding: 8, embeddingDropout: 0.3, tieWeights: true }],
  [
    'soft-attention, tied',
    {
      ...{ type: 'soft-attention', embedding: 8, hidden: 8, attention: 9, dropout: 0.5 },
      ...{ embeddingDropout: 0.3, tieWeights: true },
    },
  ],
];

/** Captions of the given lengths with words that repeat within and between captions. */
function batchOf(lengths: number[]): TeacherForcedBatch {
  const steps = Math.max(...lengths);
  const ids = (name: string) =>
    Int32Array.from(uniform(name, lengths.length * steps), (u) => Math.floor(((u + 1) / 2) * VOCABULARY));
  return {
    size: lengths.length,
    steps,
    inputs: ids('sequence.inputs'),
    targets: ids('sequence.targets'),
    lengths: Int32Array.from(lengths),
  };
}

function make(config: DecoderConfig): Decoder {
  return createDecoder({ config, vocabularySize: VOCABULARY, featureChannels: CHANNELS, seed: 5 });
}

function featuresOf(config: DecoderConfig, size: number): tf.Tensor {
  const shape = config.type === 'lstm' ? [size, CHANNELS] : [size, PLACES, CHANNELS];
  return tf.tensor(
    uniform(
      'sequence.features',
      shape.reduce((a, b) => a * b, 1),
    ),
    shape,
  );
}

function plainLoss(
  decoder: Decoder,
  features: tf.Tensor,
  batch: TeacherForcedBatch,
  options: SequenceOptions,
): tf.Scalar {
  const p = (name: string) => decoder.variables().get(name)!;
  if (decoder.config.type === 'soft-attention') {
    return plainSoftAttentionLoss(p, decoder.config, features as tf.Tensor3D, batch, options);
  }
  const projected = decoder.variables().has('project.weight');
  return plainLstmLoss(p, decoder.config, features as tf.Tensor2D, batch, { ...options, projected });
}

function expectSame(name: string, actual: tf.Tensor, expected: tf.Tensor): void {
  expect(actual.shape, name).toEqual(expected.shape);
  const [error, scale] = tf.tidy(() => [
    tf.max(tf.abs(tf.sub(actual, expected))).dataSync()[0],
    tf.max(tf.abs(expected)).dataSync()[0],
  ]);
  // Both sum in float32, in another order; the scores' bias has no gradient at all (rounding in the plain one).
  expect(error, name).toBeLessThan(Math.max(1e-5 * scale, 3e-8));
}

export function sequenceCases(): void {
  describe.each(configs)('%s: loss and gradients as by automatic differentiation', (_, config) => {
    test.each([
      ['falling lengths, dropout', [6, 6, 4, 3, 3, 1], true],
      ['falling lengths, no dropout', [6, 6, 4, 3, 3, 1], false],
      ['equal lengths', [3, 3], true],
      ['a single word', [1], true],
      ['smoothed labels', [6, 6, 4, 3, 3, 1], true, { labelSmoothing: 0.2 }],
      ['words that are no choice', [6, 6, 4, 3, 3, 1], true, { never: [0, 3] }],
      ['weighted captions', [6, 6, 4, 3, 3, 1], true, { weights: [1, -2, 0, 0.5, 3, -1] }],
      ['attention spread over all places', [6, 6, 4, 3, 3, 1], true, { doublyStochastic: 0.7 }],
    ] as const)(
      '%s',
      (_case, lengths, training, given: SequenceOptions & { weights?: readonly number[] } = {}) => {
        const { weights, ...more } = given;
        if (more.doublyStochastic && config.type === 'lstm') return;
        const decoder = make(config);
        const batch = { ...batchOf([...lengths]), ...(weights && { weights: Float32Array.from(weights) }) };
        const features = tf.variable(featuresOf(config, batch.size));
        const names = new Map([...decoder.variables()].map(([name, variable]) => [variable.name, name]));
        const list = [...decoder.variables().values(), features];
        const options = { training, seed: 11, ...more };
        const expected = tf.variableGrads(() => plainLoss(decoder, features, batch, options), list);
        const direct = decoder.lossAndGradients(features, batch, { ...options, featureGradient: true });
        const onTape = tf.variableGrads(
          () => tf.mul(decoder.loss(features, batch, options), 2) as tf.Scalar,
          list,
        );
        expectSame('loss', direct.loss, expected.value);
        for (const [key, gradient] of Object.entries(expected.grads)) {
          const name = names.get(key);
          expectSame(name ?? 'features', name ? direct.gradients.get(name)! : direct.features!, gradient);
          expectSame(name ?? 'features', onTape.grads[key], tf.mul(gradient, 2));
        }
        expect(direct.gradients.size).toBe(decoder.variables().size);
        expectSame('loss without a tape', decoder.loss(features, batch, options), expected.value);
      },
    );

    test('no tensor stays behind', () => {
      const decoder = make(config);
      const batch = batchOf([4, 3, 3, 1]);
      const features = featuresOf(config, batch.size);
      // Weights may be laid out for decoding once, and stay.
      tf.tidy(() => decoder.step(decoder.start(features), tf.tensor1d([1, 2, 3, 4], 'int32')) as never);
      const before = tf.memory().numTensors;
      const { loss, gradients } = decoder.lossAndGradients(features, batch, { training: true });
      expect(tf.memory().numTensors).toBe(before + 1 + gradients.size);
      tf.dispose([loss, ...gradients.values()]);
      decoder.loss(features, batch, { training: true }).dispose();
      const taped = tf.variableGrads(
        () => decoder.loss(features, batch, { training: true }),
        [...decoder.variables().values()],
      );
      tf.dispose([taped.value, ...Object.values(taped.grads)]);
      const start = decoder.start(features);
      const next = decoder.step(start, tf.tensor1d([1, 2, 3, 4], 'int32'));
      const chosen = decoder.select(next.state, tf.tensor1d([3, 3], 'int32'));
      tf.dispose([start, next, chosen] as never);
      expect(tf.memory().numTensors).toBe(before + 2); // the two index tensors above
      decoder.dispose();
    });

    test('single steps say what the sequence is scored by', () => {
      const decoder = make(config);
      const batch = batchOf([4, 3, 3, 1]);
      const features = featuresOf(config, batch.size);
      const logits = decoder.teacherForced(features, batch).logits; // (B, T, V)
      const logs = tf.logSoftmax(logits).arraySync() as number[][][];
      const losses = [...batch.lengths].flatMap((length, b) =>
        Array.from({ length }, (_, t) => -logs[b][t][batch.targets[b * batch.steps + t]]),
      );
      const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
      expect(decoder.loss(features, batch).dataSync()[0]).toBeCloseTo(mean, 4);
    });

    test('a caption has the same dropout in whatever batch it is', () => {
      const decoder = make(config);
      const [both, features] = [batchOf([4, 3, 3, 1]), featuresOf(config, 4)];
      const lossOf = (rows: number[]) => {
        const part = (values: Int32Array) =>
          Int32Array.from(rows.flatMap((b) => [...values.subarray(b * both.steps, (b + 1) * both.steps)]));
        const own: TeacherForcedBatch = {
          ...{ size: rows.length, steps: both.steps },
          ...{ inputs: part(both.inputs), targets: part(both.targets) },
          lengths: Int32Array.from(rows, (b) => both.lengths[b]),
          keys: Int32Array.from(rows),
        };
        const words = own.lengths.reduce((sum, length) => sum + length, 0);
        const chosen = tf.gather(features, tf.tensor1d(rows, 'int32'));
        return words * decoder.loss(chosen, own, { training: true, seed: 3 }).dataSync()[0];
      };
      const whole = lossOf([0, 1, 2, 3]);
      expect(lossOf([0, 2]) + lossOf([1, 3])).toBeCloseTo(whole, 4);
      expect(decoder.loss(features, both, { training: true, seed: 3 }).dataSync()[0]).toBeCloseTo(
        whole / 11,
        5,
      );
    });

    test('the seed decides the dropout', () => {
      const decoder = make(config);
      const batch = batchOf([4, 3, 3, 1]);
      const features = featuresOf(config, batch.size);
      const loss = (seed: number) => decoder.loss(features, batch, { training: true, seed }).dataSync()[0];
      expect(loss(1)).toBe(loss(1));
      expect(loss(1)).not.toBe(loss(2));
    });

    test('selected rows decode as the rows they came from', () => {
      const decoder = make(config);
      const state = decoder.start(featuresOf(config, 3));
      const rows = tf.tensor1d([2, 0, 2, 2], 'int32');
      const all = decoder.step(state, tf.tensor1d([5, 6, 7], 'int32')).logits;
      const chosen = decoder.step(
        decoder.select(state, rows, rows),
        tf.tensor1d([7, 5, 7, 7], 'int32'),
      ).logits;
      expectSame('logits', chosen, tf.gather(all, rows));
    });

    test('captions of one image share it', () => {
      const decoder = make(config);
      const features = featuresOf(config, 2);
      const rows = tf.tensor1d([0, 0, 0, 1, 1, 1], 'int32'); // three captions of each image
      const words = tf.tensor1d([5, 6, 7, 5, 4, 4], 'int32');
      const shared = decoder.step(decoder.select(decoder.start(features), rows), words);
      const apart = decoder.step(decoder.start(tf.gather(features, rows)), words);
      expectSame('logits', shared.logits, apart.logits);
      if (apart.attention) expectSame('attention', shared.attention!, apart.attention);
      const next = decoder.step(shared.state, words).logits;
      expectSame('logits of the second word', next, decoder.step(apart.state, words).logits);
    });
  });

  test('captions out of order are refused', () => {
    const decoder = make(configs[2][1]);
    expect(() => decoder.lossAndGradients(featuresOf(configs[2][1], 2), batchOf([2, 3]))).toThrow(
      'falling length',
    );
  });

  test('parameters that do not fit are refused by name', () => {
    const decoder = make(configs[2][1]);
    const state = decoder.stateDict();
    const other = new Map(state).set('fc.bias', { shape: [3], data: new Float32Array(3) });
    expect(() => decoder.loadState(other)).toThrow('"fc.bias" is 17, but the weights hold 3');
    other.delete('embed.weight');
    expect(() => decoder.loadState(other)).toThrow('"embed.weight" (17 x 7) is missing');
    decoder.loadState(state);
    expect(decoder.stateDict()).toEqual(state);
  });
}
