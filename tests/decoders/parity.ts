/** Both decoders against PyTorch's numbers (tests/goldens/decoders.json), on the backend that is in use. */
import { describe, expect, test } from 'vitest';
import { tf } from '../../src/backend/index.js';
import { expectClose, goldenParameter, readGolden, uniform } from '../helpers.js';
import {
  createDecoder,
  type Decoder,
  type DecoderConfig,
  type DecoderState,
  type TeacherForcedBatch,
} from '../../src/models/decoders/index.js';

export const golden = readGolden('decoders.json');
/** Relative to the largest magnitude: float32 sums in another order than PyTorch's. */
export const tolerance = 1e-4;

export type GoldenKind = 'plain_lstm' | 'soft_attention';

export function goldenDecoder(kind: GoldenKind): Decoder {
  const { sizes } = golden[kind];
  const config: DecoderConfig =
    kind === 'plain_lstm'
      ? {
          type: 'lstm',
          embedding: sizes.feature,
          hidden: sizes.hidden,
          layers: sizes.layers,
          dropout: 0,
          outputDropout: 0,
        }
      : {
          type: 'soft-attention',
          embedding: sizes.embed,
          hidden: sizes.hidden,
          attention: sizes.attention,
          dropout: 0,
        };
  const decoder = createDecoder({
    config,
    vocabularySize: sizes.vocab,
    featureChannels: sizes.feature,
    seed: 1,
  });
  const entries = [...decoder.stateDict()].map(
    ([name, { shape }]) => [name, { shape, data: goldenParameter(name, shape) }] as const,
  );
  decoder.loadState(new Map(entries));
  return decoder;
}

/** The golden's features, in the order of `order`. */
export function goldenFeatures(kind: GoldenKind, order = [0, 1, 2]): tf.Tensor {
  const { feature, pixels } = golden[kind].sizes;
  const name = kind === 'plain_lstm' ? 'features.plain' : 'features.attention';
  const shape = kind === 'plain_lstm' ? [3, feature] : [3, pixels, feature];
  const size = shape.reduce((a: number, b: number) => a * b, 1);
  return tf.tidy(() => tf.gather(tf.tensor(uniform(name, size), shape), tf.tensor1d(order, 'int32')));
}

/** Rows of the golden by falling length. */
export const byLength = [2, 0, 1];

export function goldenBatch(kind: GoldenKind): TeacherForcedBatch {
  const { inputs, targets, lengths } = golden[kind];
  const pick = (rows: number[][]) => Int32Array.from(byLength.flatMap((row) => rows[row]));
  return {
    size: 3,
    steps: inputs[0].length,
    inputs: pick(inputs),
    targets: pick(targets),
    lengths: Int32Array.from(byLength, (row) => lengths[row]),
  };
}

/** @param decoderOf gives the decoder with the golden's parameters */
export function parityCases(decoderOf: (kind: GoldenKind) => Decoder = goldenDecoder): void {
  describe.each(['plain_lstm', 'soft_attention'] as const)('%s', (kind) => {
    test('teacher-forced logits and attention', () => {
      const decoder = decoderOf(kind);
      const { inputs, targets } = golden[kind];
      const steps = inputs[0].length;
      // The golden goes on through the padding, so every caption is given its full length.
      const batch = {
        size: 3,
        steps,
        inputs: Int32Array.from(inputs.flat()),
        targets: Int32Array.from(targets.flat()),
        lengths: Int32Array.of(steps, steps, steps),
      };
      const { logits, attention } = decoder.teacherForced(goldenFeatures(kind), batch);
      if (kind === 'plain_lstm') {
        const image = decoder.start(goldenFeatures(kind)).tensors[`h${golden[kind].sizes.layers - 1}`];
        const p = decoder.variables();
        const first = tf.add(
          tf.matMul(image as tf.Tensor2D, p.get('linear.weight') as tf.Tensor2D),
          p.get('linear.bias')!,
        );
        expectClose(
          tf.concat([tf.expandDims(first, 1), logits], 1).dataSync(),
          golden[kind].logits,
          tolerance,
        );
      } else {
        expectClose(logits.dataSync(), golden[kind].logits, tolerance);
        expectClose(attention!.dataSync(), golden[kind].alphas, tolerance);
      }
    });

    test('outputs beyond the length are zero', () => {
      const { logits, attention } = decoderOf(kind).teacherForced(
        goldenFeatures(kind, byLength),
        goldenBatch(kind),
      );
      for (const output of [logits, attention]) {
        if (!output) continue;
        const perWord = tf.sum(tf.abs(output), 2).arraySync() as number[][]; // (B, T)
        expect(perWord.map((row) => row.filter((sum) => sum > 0).length)).toEqual([7, 5, 4]);
      }
    });

    test('loss and gradients before clipping', () => {
      const decoder = decoderOf(kind);
      const { loss, gradients } = decoder.lossAndGradients(goldenFeatures(kind, byLength), goldenBatch(kind));
      const [first] = golden[kind].adam.steps; // its norm is below the limit: clipping changed nothing
      expect(Math.abs(loss.dataSync()[0] / first.loss - 1)).toBeLessThan(tolerance);
      expect([...gradients.keys()].sort()).toEqual(Object.keys(first.clipped_grads).sort());
      for (const [name, gradient] of gradients) {
        const values = decoder.toTorch(name, gradient).data;
        // A softmax does not see a constant added to its input: PyTorch's 1e-10 is rounding, not a gradient.
        if (name === 'attention.full_attn.bias') expect(Math.abs(values[0])).toBeLessThan(1e-7);
        else expectClose(values, first.clipped_grads[name], tolerance);
      }
    });
  });

  test('the loss with doubly stochastic attention', () => {
    const kind = 'soft_attention';
    const decoder = goldenDecoder(kind);
    const loss = decoder.loss(goldenFeatures(kind, byLength), goldenBatch(kind), { doublyStochastic: 1 });
    const expected = golden[kind]['loss_with_doubly_stochastic_1.0'];
    expect(Math.abs(loss.dataSync()[0] / expected - 1)).toBeLessThan(tolerance);
  });

  test('greedy words by steps', () => {
    const decoder = decoderOf('soft_attention');
    const rows: number[][] = golden.soft_attention.greedy;
    let state: DecoderState = decoder.start(goldenFeatures('soft_attention'));
    let words = tf.tensor1d([golden.special.bos, golden.special.bos, golden.special.bos], 'int32');
    rows[0].forEach((_, t) => {
      const step = decoder.step(state, words);
      state = step.state;
      words = tf.argMax(step.logits, 1);
      expect([...words.dataSync()]).toEqual(rows.map((row) => row[t]));
    });
  });
}
