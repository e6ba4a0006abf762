/** What every strategy promises, over both decoders; and the searches beside brute force. Run on each backend. */
import { beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest';
import { golden, goldenDecoder, goldenFeatures } from '../../../tests/decoders/parity.js';
import { prepareBackend, tf, type BackendName } from '../../backend/index.js';
import { EOS, UNK } from '../../data/index.js';
import type { Decoder } from '../../models/index.js';
import { beamSearch } from './beam.js';
import { decode, type DecodeOptions } from './decode.js';
import { resolveSearch } from './options.js';
import { ban } from './rules.js';
import {
  decoderConfigs,
  randomDecoder,
  randomFeatures,
  rescore,
  teacherForced,
  VOCABULARY,
} from '../../../tests/decoders/tiny.js';

/** Float32 sums in another order. */
const TOLERANCE = 1e-4;

const strategies: Record<string, DecodeOptions> = {
  greedy: {},
  'beam 3': { beam: 3, captions: 3 },
  'beam 3, average': { beam: 3, captions: 2, lengthPenalty: 'average' },
  'beam 4, Wu': { beam: 4, captions: 4, lengthPenalty: 'wu', wuAlpha: 0.8 },
  'diverse beam': { strategy: 'diverse-beam', beam: 6, groups: 3, captions: 6 },
  sampling: { strategy: 'sample', captions: 3, temperature: 1.5 },
  'top-k, top-p': { strategy: 'sample', captions: 2, topK: 4, topP: 0.9, seed: 5 },
};

export function decodeCases(backend: BackendName): void {
  let tensors = 0;
  beforeAll(async () => void (await prepareBackend({ backend })));
  beforeEach(() => void (tensors = tf.memory().numTensors));
  afterEach(() => expect(tf.memory().numTensors).toBe(tensors));

  const models = Object.keys(decoderConfigs);
  const cases = models.flatMap((model) => Object.keys(strategies).map((strategy) => [model, strategy]));

  describe.each(cases)('%s, %s', (model, strategy) => {
    const options = strategies[strategy];

    it('captions a batch as it captions one image at a time, with the attention and worth of teacher forcing', () => {
      const features = randomFeatures(model, 12, 9);
      const decoder = decoderOfManyLengths(model, features);
      const keys = Array.from({ length: 12 }, (_, i) => `image ${i}`);
      const search = { ...options, maxWords: 6, attention: true };
      const together = decode(decoder, features, { ...search, keys });
      together.forEach((captions, i) => {
        const one = tf.slice(features, i, 1);
        const [alone] = decode(decoder, one, { ...search, keys: [keys[i]] });
        expect(captions.map(({ ids }) => ids)).toEqual(alone.map(({ ids }) => ids));
        captions.forEach((caption, k) => {
          expect(caption.finished).toBe(alone[k].finished);
          expect(Math.abs(caption.logProbability - rescore(decoder, one, caption))).toBeLessThan(1e-3);
          const { attention } = teacherForced(decoder, one, caption.ids);
          expect(caption.attention?.length).toBe(attention?.length);
          caption.attention?.forEach((weights, t) =>
            weights.forEach((weight, p) =>
              expect(Math.abs(weight - attention![t][p])).toBeLessThan(TOLERANCE),
            ),
          );
        });
        one.dispose();
      });
      expect(new Set(together.flat().map(({ ids }) => ids.length)).size).toBeGreaterThan(2);
      decoder.dispose();
      features.dispose();
    });

    it('obeys every rule', () => {
      const decoder = randomDecoder(model, 3);
      const features = randomFeatures(model, 5, 4);
      const asked = { minWords: 3, maxWords: 5, blockNgrams: 2, banned: [6], prefix: [5, 4] };
      for (const captions of decode(decoder, features, { ...options, ...asked })) {
        for (const { ids } of captions) {
          expect(ids.slice(0, 2)).toEqual([5, 4]);
          expect(ids.length).toBeGreaterThanOrEqual(3);
          expect(ids.length).toBeLessThanOrEqual(5);
          expect(ids.every((id) => [4, 5, 7].includes(id))).toBe(true);
          expect(hasRepeat(ids, 2)).toBe(false);
        }
      }
      decoder.dispose();
      features.dispose();
    });

    it('answers when no caption ends, and says so', () => {
      const decoder = randomDecoder(model, 6, -1e4);
      const features = randomFeatures(model, 3, 2);
      for (const [best] of decode(decoder, features, { ...options, maxWords: 5 })) {
        expect(best).toMatchObject({ finished: false });
        expect(best.ids).toHaveLength(5);
      }
      decoder.dispose();
      features.dispose();
    });

    it('answers with what it has when the rules leave no word', () => {
      const decoder = randomDecoder(model, 6);
      const features = randomFeatures(model, 3, 2);
      // Four words, none of them twice, and no end before the fifth.
      const asked = { minWords: 5, maxWords: 8, blockNgrams: 1 };
      for (const [best] of decode(decoder, features, { ...options, ...asked })) {
        expect(best.finished).toBe(false);
        expect([...best.ids].sort()).toEqual([4, 5, 6, 7]);
        expect(Number.isFinite(best.logProbability)).toBe(true);
      }
      // Not even a first word: the caption is empty.
      for (const [best] of decode(decoder, features, { ...options, rules: [ban([2, 4, 5, 6, 7])] })) {
        expect(best).toMatchObject({ ids: [], finished: false });
      }
      decoder.dispose();
      features.dispose();
    });

    it('ranks the captions of an image and never gives one twice, samples apart', () => {
      const decoder = randomDecoder(model, 8);
      const features = randomFeatures(model, 6, 7);
      for (const captions of decode(decoder, features, { ...options, maxWords: 4 })) {
        if (options.strategy === 'sample') expect(captions).toHaveLength(options.captions!);
        else expect(new Set(captions.map(({ ids }) => ids.join(' '))).size).toBe(captions.length);
        expect(captions.length).toBeGreaterThan(0);
        captions.slice(1).forEach((caption, i) => {
          const better = captions[i];
          expect(better.finished === caption.finished ? better.score >= caption.score : better.finished).toBe(
            true,
          );
        });
      }
      decoder.dispose();
      features.dispose();
    });
  });

  describe.each(models)('%s', (model) => {
    const searches: DecodeOptions[] = [
      {},
      { lengthPenalty: 'average' },
      { lengthPenalty: 'wu' },
      { minWords: 2 },
      { blockNgrams: 1, lengthPenalty: 'average' },
      { blockNgrams: 2, banned: [5] },
      { prefix: [4, 6], lengthPenalty: 'wu', wuAlpha: 1 },
      { unknownWords: true, minWords: 1 },
    ];
    it.each(searches)('a wide beam finds what brute force finds: %o', (search) => {
      for (const seed of [1, 2, 3]) {
        const decoder = randomDecoder(model, seed);
        const features = randomFeatures(model, 1, seed);
        const expected = bruteForce(decoder, features, 3, search).slice(0, 5);
        const [found] = decode(decoder, features, { ...search, beam: 800, captions: 5, maxWords: 3 });
        expect(found.map(({ ids }) => ids)).toEqual(expected.map(({ ids }) => ids));
        found.forEach(({ score, finished }, i) => {
          expect(finished).toBe(true);
          expect(Math.abs(score - expected[i].score)).toBeLessThan(1e-3);
        });
        decoder.dispose();
        features.dispose();
      }
    });

    it('a beam of one is greedy search', () => {
      const decoder = randomDecoder(model, 7);
      const features = randomFeatures(model, 4, 3);
      const request = {
        search: { ...resolveSearch({ maxWords: 6 }), beam: 1 },
        rules: [ban([0, 1, 3])],
        attention: false,
      };
      const narrow: number[][] = [];
      tf.tidy(() => void narrow.push(...beamSearch(decoder, features, request).map(([{ ids }]) => ids)));
      expect(narrow).toEqual(decode(decoder, features, { maxWords: 6 }).map(([{ ids }]) => ids));
      features.dispose();
      decoder.dispose();
    });

    it('diverse groups of one follow Vijayakumar et al.: greedy, less what earlier groups took', () => {
      const features = randomFeatures(model, 4, 11);
      const decoder = decoderOfManyLengths(model, features);
      for (const diversity of [0, 0.7, 100]) {
        const search = {
          strategy: 'diverse-beam',
          beam: 3,
          groups: 3,
          captions: 3,
          diversity,
          maxWords: 5,
        } as const;
        decode(decoder, features, search).forEach((captions, i) => {
          const one = tf.slice(features, i, 1);
          const found = captions.map(({ ids }) => ids.join(' '));
          // Where two groups agree, a second caption of a group takes the place.
          for (const ids of diverseGreedy(decoder, one, 3, diversity, 5)) expect(found).toContain(ids);
          one.dispose();
        });
      }
      decoder.dispose();
      features.dispose();
    });

    it('one group is beam search', () => {
      const decoder = randomDecoder(model, 12);
      const features = randomFeatures(model, 4, 13);
      expect(
        decode(decoder, features, { strategy: 'diverse-beam', beam: 3, groups: 1, captions: 3 }),
      ).toEqual(decode(decoder, features, { beam: 3, captions: 3 }));
      decoder.dispose();
      features.dispose();
    });

    it('the seed decides the samples', () => {
      const decoder = randomDecoder(model, 14);
      const features = randomFeatures(model, 8, 15);
      const sample = (seed: number) =>
        decode(decoder, features, { strategy: 'sample', seed, captions: 4, temperature: 2 }).flat();
      expect(sample(1)).toEqual(sample(1));
      expect(sample(1).map(({ ids }) => ids)).not.toEqual(sample(2).map(({ ids }) => ids));
      decoder.dispose();
      features.dispose();
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
    expect(Math.min(...said(false))).toBeGreaterThan(3);
    expect([...said(true)].every((id) => id === UNK || id > 3)).toBe(true);
    decoder.dispose();
    features.dispose();
  });
}

/** A random decoder that ends its captions at different steps: the case in which rows of a batch are given up. */
function decoderOfManyLengths(model: string, features: tf.Tensor): Decoder {
  for (let seed = 1; seed <= 50; seed++) {
    const decoder = randomDecoder(model, seed, -1);
    const lengths = new Set(decode(decoder, features, { maxWords: 6 }).map(([best]) => best.ids.length));
    if (lengths.size > 2) return decoder;
    decoder.dispose();
  }
  throw new Error('no seed gives captions of three lengths');
}

function hasRepeat(ids: readonly number[], n: number): boolean {
  const ngrams = ids.slice(n - 1).map((_, i) => ids.slice(i, i + n).join(' '));
  return new Set(ngrams).size < ngrams.length;
}

/** Every finished caption of at most `maxWords` words that the search allows, best first. */
function bruteForce(decoder: Decoder, feature: tf.Tensor, maxWords: number, search: DecodeOptions) {
  const { minWords = 0, banned = [], prefix = [], blockNgrams, lengthPenalty, wuAlpha = 0.65 } = search;
  const words = Array.from({ length: VOCABULARY }, (_, id) => id).filter(
    (id) => (id > 3 || (search.unknownWords && id === UNK)) && !banned.includes(id),
  );
  let longest: number[][] = [[]];
  const all: number[][] = [[]];
  for (let n = 0; n < maxWords; n++) {
    longest = longest.flatMap((ids) => words.map((word) => [...ids, word]));
    all.push(...longest);
  }
  const divisor = { none: () => 1, average: (n: number) => n, wu: (n: number) => ((5 + n) / 6) ** wuAlpha };
  return all
    .filter(
      (ids) =>
        ids.length >= Math.max(minWords, prefix.length) &&
        prefix.every((id, i) => ids[i] === id) &&
        !(blockNgrams && hasRepeat(ids, blockNgrams)),
    )
    .map((ids) => ({
      ids,
      score:
        rescore(decoder, feature, { ids, finished: true }) / divisor[lengthPenalty ?? 'none'](ids.length + 1),
    }))
    .sort((a, b) => b.score - a.score);
}

/** Diverse beam search with groups of one hypothesis, written out plainly. */
function diverseGreedy(
  decoder: Decoder,
  feature: tf.Tensor,
  groups: number,
  diversity: number,
  maxWords: number,
) {
  const captions = Array.from({ length: groups }, () => ({ ids: [] as number[], open: true }));
  for (let step = 0; step < maxWords; step++) {
    const taken: number[] = [];
    for (const caption of captions) {
      if (!caption.open) continue;
      const { next } = teacherForced(decoder, feature, caption.ids);
      const worth = (id: number) => next[id] - diversity * taken.filter((word) => word === id).length;
      const best = [EOS, 4, 5, 6, 7].sort((a, b) => worth(b) - worth(a))[0];
      if (best === EOS) caption.open = false;
      else {
        caption.ids.push(best);
        taken.push(best);
      }
    }
  }
  return captions.map(({ ids }) => ids.join(' '));
}
