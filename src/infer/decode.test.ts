import { beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest';
import { golden, goldenDecoder, goldenFeatures } from '../../tests/decoders/parity.js';
import { prepareBackend, tf } from '../backend/index.js';
import { BOS, EOS } from '../data/index.js';
import { createDecoder, type Decoder, type DecoderConfig } from '../models/index.js';
import { beamSearch } from './beam.js';
import { decode, type DecodedCaption } from './decode.js';

const configs: Record<string, DecoderConfig> = {
  lstm: { type: 'lstm', embedding: 4, hidden: 5, layers: 2, dropout: 0, outputDropout: 0 },
  'soft-attention': { type: 'soft-attention', embedding: 4, hidden: 5, attention: 3, dropout: 0 },
};
const VOCABULARY = 8; // four special words and four others
const CHANNELS = 6;
/** Float32 sums in another order. */
const TOLERANCE = 1e-4;

/** A decoder whose probabilities are far from even, so that searches have something to decide. */
function randomDecoder(name: string, seed: number, endBias = 0): Decoder {
  const decoder = createDecoder({
    config: configs[name],
    vocabularySize: VOCABULARY,
    featureChannels: CHANNELS,
    seed,
  });
  const state = decoder.stateDict();
  for (const [parameter, { data }] of state) {
    state.set(parameter, { ...state.get(parameter)!, data: data.map((x) => 4 * x) });
  }
  state.get(name === 'lstm' ? 'linear.bias' : 'fc.bias')!.data[EOS] += endBias;
  decoder.loadState(state);
  return decoder;
}

function randomFeatures(name: string, images: number, seed: number): tf.Tensor {
  const shape = name === 'lstm' ? [images, CHANNELS] : [images, 3, CHANNELS];
  return tf.randomUniform(shape, -4, 4, 'float32', seed);
}

/** A random decoder that ends its captions at different steps: the case in which rows of a batch are given up. */
function decoderOfManyLengths(name: string, features: tf.Tensor, maxWords: number): Decoder {
  for (let seed = 1; seed <= 50; seed++) {
    const decoder = randomDecoder(name, seed, -1);
    const lengths = new Set(decode(decoder, features, { maxWords }).map(([best]) => best.ids.length));
    if (lengths.size > 2) return decoder;
    decoder.dispose();
  }
  throw new Error('no seed gives captions of three lengths');
}

/** Log-probability of a caption by teacher forcing; the loss is a mean over its targets. */
function rescore(
  decoder: Decoder,
  feature: tf.Tensor,
  { ids, finished }: Pick<DecodedCaption, 'ids' | 'finished'>,
) {
  const targets = finished ? [...ids, EOS] : ids;
  const batch = {
    size: 1,
    steps: targets.length,
    inputs: Int32Array.from([BOS, ...targets.slice(0, -1)]),
    targets: Int32Array.from(targets),
    lengths: Int32Array.of(targets.length),
  };
  return tf.tidy(() => -decoder.loss(feature, batch).dataSync()[0] * targets.length);
}

/** Every finished caption of at most `maxWords` words, best first. */
function bruteForce(decoder: Decoder, feature: tf.Tensor, maxWords: number) {
  let open: number[][] = [[]];
  const all: number[][] = [[]];
  for (let n = 0; n < maxWords; n++) {
    open = open.flatMap((ids) => [4, 5, 6, 7].map((word) => [...ids, word]));
    all.push(...open);
  }
  const scored = all.map((ids) => ({ ids, score: rescore(decoder, feature, { ids, finished: true }) }));
  return scored.sort((a, b) => b.score - a.score);
}

let tensors = 0;
beforeAll(async () => void (await prepareBackend()));
beforeEach(() => void (tensors = tf.memory().numTensors));
afterEach(() => expect(tf.memory().numTensors).toBe(tensors));

describe.each(Object.keys(configs))('%s', (name) => {
  it.each([1, 2, 3])('a wide beam finds what brute force finds (model %i)', (seed) => {
    const decoder = randomDecoder(name, seed);
    const features = randomFeatures(name, 1, seed);
    const expected = bruteForce(decoder, features, 3);
    const [found] = decode(decoder, features, { beam: 85, captions: 5, maxWords: 3 });
    found.forEach(({ ids, logProbability, finished }, i) => {
      expect(finished).toBe(true);
      expect(logProbability).toBeCloseTo(expected[i].score, 3);
      expect(ids).toEqual(expected[i].ids);
    });
    decoder.dispose();
    features.dispose();
  });

  it.each([1, 3])('captions a batch as it captions one image at a time, beam %i', (beam) => {
    const features = randomFeatures(name, 12, 9);
    const decoder = decoderOfManyLengths(name, features, 6);
    const together = decode(decoder, features, { beam, captions: beam, maxWords: 6, attention: true });
    together.forEach((captions, i) => {
      const one = tf.slice(features, i, 1);
      const [alone] = decode(decoder, one, { beam, captions: beam, maxWords: 6, attention: true });
      captions.forEach((caption, k) => {
        expect(caption.ids).toEqual(alone[k].ids);
        expect(caption.logProbability).toBeCloseTo(alone[k].logProbability, 4);
        expect(caption.logProbability).toBeCloseTo(rescore(decoder, one, caption), 3);
        caption.attention?.forEach((weights, t) =>
          weights.forEach((weight, p) => expect(weight).toBeCloseTo(alone[k].attention![t][p], 5)),
        );
      });
      one.dispose();
    });
    decoder.dispose();
    features.dispose();
  });

  it('gives attention for each word of a decoder that attends, summing to 1', () => {
    const decoder = randomDecoder(name, 5, -1e4); // never ends
    const features = randomFeatures(name, 2, 1);
    for (const beam of [1, 3]) {
      for (const [best] of decode(decoder, features, { beam, maxWords: 4, attention: true })) {
        expect(best.ids.length).toBeGreaterThan(0);
        if (name === 'lstm') expect(best.attention).toBeUndefined();
        else {
          expect(best.attention).toHaveLength(best.ids.length);
          for (const map of best.attention!) {
            expect(map).toHaveLength(3);
            expect(map.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
          }
        }
      }
    }
    decoder.dispose();
    features.dispose();
  });

  it('answers when no caption ends, and says so', () => {
    const decoder = randomDecoder(name, 6, -1e4);
    const features = randomFeatures(name, 3, 2);
    for (const beam of [1, 4]) {
      for (const [best] of decode(decoder, features, { beam, maxWords: 5 })) {
        expect(best).toMatchObject({ finished: false });
        expect(best.ids).toHaveLength(5);
      }
    }
    decoder.dispose();
    features.dispose();
  });

  it('a beam of one is greedy search', () => {
    const decoder = randomDecoder(name, 7);
    const features = randomFeatures(name, 4, 3);
    const mask = tf.tensor1d(
      Array.from({ length: VOCABULARY }, (_, id) => (id === EOS || id > BOS ? 0 : -Infinity)),
    );
    const settings = { beam: 1, captions: 1, maxWords: 6, attention: false, mask };
    const narrow = tf.tidy(() => beamSearch(decoder, features, settings) as never) as DecodedCaption[][];
    expect(narrow.map(([{ ids }]) => ids)).toEqual(
      decode(decoder, features, { maxWords: 6 }).map(([{ ids }]) => ids),
    );
    tf.dispose([mask, features]);
    decoder.dispose();
  });
});

it("finds PyTorch's exact five best captions of at most four words", () => {
  const decoder = goldenDecoder('soft_attention');
  const features = goldenFeatures('soft_attention');
  const found = decode(decoder, features, { beam: 100, captions: 5, maxWords: 4 });
  const expected = golden.soft_attention.exhaustive_max4words_top5 as {
    words: number[];
    logprob: number;
  }[][];
  found.forEach((captions, i) => {
    expect(captions.map(({ ids }) => ids)).toEqual(expected[i].map(({ words }) => words));
    captions.forEach(({ logProbability }, k) =>
      expect(Math.abs(logProbability - expected[i][k].logprob)).toBeLessThan(TOLERANCE),
    );
  });
  decoder.dispose();
  features.dispose();
});

it('never says a special word unless it is asked for', () => {
  const decoder = randomDecoder('lstm', 8, -1e4);
  const features = randomFeatures('lstm', 8, 4);
  const said = (unknownWords: boolean) =>
    new Set(decode(decoder, features, { maxWords: 20, beam: 2, unknownWords }).flatMap(([{ ids }]) => ids));
  expect(Math.min(...said(false))).toBeGreaterThan(BOS);
  expect([...said(true)].every((id) => id === 1 || id > BOS)).toBe(true);
  decoder.dispose();
  features.dispose();
});

it('names a setting that cannot be', () => {
  const decoder = randomDecoder('lstm', 9);
  const features = randomFeatures('lstm', 1, 5);
  expect(() => decode(decoder, features, { beam: 1.5 })).toThrow(/beam is 1\.5; it must be an integer/);
  expect(() => decode(decoder, features, { maxWords: 0 })).toThrow(/maxWords is 0/);
  expect(() => decode(decoder, features, { beam: 2, captions: 3 })).toThrow(/captions is 3, but a beam of 2/);
  decoder.dispose();
  features.dispose();
});
