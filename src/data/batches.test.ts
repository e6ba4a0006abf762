import { describe, expect, it } from 'vitest';
import { Random, silentLog } from '../core/index.js';
import { EpochBatches, packRows, type BatchOptions, type CaptionBatch, type CaptionRow } from './batches.js';
import { CaptionEncoder, type Examples } from './examples.js';
import { BOS, EOS, PAD, UNK, Vocabulary } from './vocabulary.js';

interface EncodedImage {
  image: string;
  captions: number[][];
}

function examplesOf(images: readonly EncodedImage[]): Examples {
  const all = images.flatMap(({ captions }) => captions);
  let captions = 0;
  return {
    first: Int32Array.from(images, (image) => (captions += image.captions.length) - image.captions.length),
    counts: Int32Array.from(images, (image) => image.captions.length),
    name: (image) => images[image].image,
    targets: (caption) => all[caption],
  };
}

/** The order of an epoch, spelt out by lists of captions. */
function epochByLists(images: readonly EncodedImage[], options: BatchOptions, epoch: number): CaptionBatch[] {
  const { batchSize, captions: which, captionsPerImage = 1, seed } = options;
  const most = Math.max(...images.map(({ captions }) => captions.length));
  const size = which === 'all' ? Math.min(captionsPerImage, batchSize, most) : 1;
  const choice = Random.for(seed, 'captions', epoch);
  const groups: CaptionRow[][] = [];
  for (const { image, captions } of images) {
    const taken = which === 'all' ? [...captions] : [choice.pick(captions)];
    if (size > 1 && size < taken.length) choice.shuffle(taken);
    for (let at = 0; at < taken.length; at += size) {
      groups.push(taken.slice(at, at + size).map((targets) => ({ image, targets })));
    }
  }
  Random.for(seed, 'order', epoch).shuffle(groups);
  const step = Math.floor(batchSize / size);
  return Array.from({ length: Math.ceil(groups.length / step) }, (_, i) =>
    packRows(groups.slice(i * step, (i + 1) * step).flat()),
  );
}

describe('CaptionEncoder', () => {
  const vocabulary = Vocabulary.build([['dog', 'a', 'a', 'runs']], { minCount: 1, maxSize: null });
  const [a, dog, runs] = [4, 5, 6];
  const split = [
    { image: '1', captions: ['A dog runs !', 'A 9 cat', '...'] },
    { image: '2', captions: ['a a a a', 'a a a'] },
    { image: '3', captions: ['?'] },
  ];

  it('gives words and EOS; a cut caption has no EOS; empty ones are dropped and counted', () => {
    const lines: string[] = [];
    const log = {
      ...silentLog,
      info: (line: string) => lines.push(line),
      warn: (line: string) => lines.push(line),
    };
    const encoder = new CaptionEncoder(vocabulary, { tokenizer: 'letters', maxWords: 3 });
    expect(split.map(({ image, captions }) => encoder.encode(image, captions))).toEqual([
      [
        [a, dog, runs, EOS],
        [a, UNK, EOS],
      ],
      [
        [a, a, a],
        [a, a, a, EOS],
      ],
      [],
    ]);
    expect(encoder.coverage).toBe(11 / 12);
    encoder.report(log);
    expect(lines[0]).toMatch(/2 captions have no word .*first "\.\.\." of 1; 1 images have no caption left/);
    expect(lines[1]).toMatch(/1 captions are longer than 3 words/);
  });
});

describe('EpochBatches', () => {
  // 7 images with 1..5 captions of different length; word ids are unique, so that each caption is recognised.
  let id = 4;
  const images: EncodedImage[] = Array.from({ length: 7 }, (_, i) => ({
    image: `image${i}`,
    captions: Array.from({ length: 1 + (i % 5) }, (_, j) => [
      ...Array.from({ length: 1 + ((3 * i + 5 * j) % 8) }, () => id++),
      EOS,
    ]),
  }));
  const examples = examplesOf(images);
  const all = images.flatMap(({ image, captions }) => captions.map((targets) => ({ image, targets })));
  const options: BatchOptions = { batchSize: 4, captions: 'all', seed: 1 };

  const rowsOf = (batch: CaptionBatch) =>
    Array.from(batch.imageOfRow, (image, b) => ({
      image: batch.images[image],
      targets: [...batch.targets.slice(b * batch.steps, b * batch.steps + batch.lengths[b])],
    }));
  const epochOf = (n: number, more: Partial<BatchOptions> = {}) => [
    ...new EpochBatches(examples, { ...options, ...more }).epoch(n),
  ];

  it('gives every caption once an epoch', () => {
    const batches = epochOf(0);
    const key = (row: { image: string; targets: number[] }) => JSON.stringify([row.image, row.targets]);
    expect(batches.flatMap(rowsOf).map(key).sort()).toEqual(all.map(key).sort());
    expect(batches.length).toBe(new EpochBatches(examples, options).count);
    expect(batches.slice(0, -1).every(({ size }) => size === 4)).toBe(true);
  });

  it('sorts a batch by falling length, shifts inputs by one and pads', () => {
    for (const batch of epochOf(0)) {
      expect([...batch.lengths]).toEqual([...batch.lengths].sort((m, n) => n - m));
      expect(batch.steps).toBe(batch.lengths[0]);
      expect(batch.tokens).toBe(batch.lengths.reduce((sum, n) => sum + n, 0));
      for (let b = 0; b < batch.size; b++) {
        const inputs = batch.inputs.slice(b * batch.steps, (b + 1) * batch.steps);
        const targets = batch.targets.slice(b * batch.steps, (b + 1) * batch.steps);
        const length = batch.lengths[b];
        expect(inputs[0]).toBe(BOS);
        expect([...inputs.slice(1, length)]).toEqual([...targets.slice(0, length - 1)]);
        expect(targets[length - 1]).toBe(EOS);
        expect([...inputs.slice(length), ...targets.slice(length)].every((v) => v === PAD)).toBe(true);
      }
    }
  });

  it('depends on seed and epoch alone', () => {
    expect(epochOf(3)).toEqual(epochOf(3));
    expect(epochOf(3)).not.toEqual(epochOf(4));
    expect(epochOf(3)).not.toEqual(epochOf(3, { seed: 2 }));
    const again = new EpochBatches(examples, options);
    for (const batch of again.epoch(1)) expect(batch.size).toBeGreaterThan(0);
    expect([...again.epoch(3)]).toEqual(epochOf(3)); // whatever was drawn before
  });

  it('can begin at any batch', () => {
    const batches = new EpochBatches(examples, options);
    expect([...batches.epoch(2, 2)]).toEqual(epochOf(2).slice(2));
    expect([...batches.epoch(2, batches.count)]).toEqual([]);
  });

  it('takes one caption of each image, another one in other epochs', () => {
    const one = { captions: 'one-per-image' } as const;
    const seen = new Set<string>();
    for (let epoch = 0; epoch < 60; epoch++) {
      const rows = epochOf(epoch, one).flatMap(rowsOf);
      expect(rows.map(({ image }) => image).sort()).toEqual(images.map(({ image }) => image));
      for (const { targets } of rows) seen.add(targets.join());
    }
    // The chance that one of 18 captions, each with at least 1/5 an epoch, never comes: 18 * 0.8^60 = 3e-5.
    expect(seen.size).toBe(all.length);
  });

  it('takes captions of an image together, in other groups in other epochs', () => {
    const grouped = { captionsPerImage: 2 };
    const groups = new Set<string>();
    for (let epoch = 0; epoch < 30; epoch++) {
      const batches = epochOf(epoch, grouped);
      expect(batches.length).toBe(new EpochBatches(examples, { ...options, ...grouped }).count);
      expect(batches.flatMap(rowsOf).length).toBe(all.length);
      for (const batch of batches) {
        expect(batch.images.length).toBeLessThanOrEqual(2); // two groups of two captions
        expect(new Set(batch.images).size).toBe(batch.images.length);
        if (batch.images.includes('image4')) {
          const rows = rowsOf(batch).filter(({ image }) => image === 'image4');
          groups.add(
            rows
              .map(({ targets }) => targets[0])
              .sort()
              .join(),
          );
        }
      }
    }
    expect(groups.size).toBeGreaterThan(5);
    // More than a batch holds: as many as it does.
    expect(epochOf(1, { captionsPerImage: 100 }).every(({ size }) => size <= 4)).toBe(true);
    // More than any image has: all of each, and as many images as fit.
    const most = Math.max(...images.map(({ captions }) => captions.length));
    const [first] = epochOf(1, { batchSize: 3 * most, captionsPerImage: 100 });
    expect(first.images).toHaveLength(3);
  });

  it.each([
    {},
    { batchSize: 3 },
    { captions: 'one-per-image' },
    { captionsPerImage: 2 },
    { captionsPerImage: 3, batchSize: 7 },
    { captionsPerImage: 9, batchSize: 10 },
  ] as Partial<BatchOptions>[])('keeps to the order that lists give, with %o', (more) => {
    for (const seed of [1, 2]) {
      const given = { ...options, seed, ...more };
      for (let epoch = 1; epoch < 6; epoch++) {
        expect(epochOf(epoch, given)).toEqual(epochByLists(images, given, epoch));
      }
    }
  });

  it('passes over images without captions as if they were not there', () => {
    const bare = { image: 'bare', captions: [] };
    const more = [bare, ...images.slice(0, 3), bare, bare, ...images.slice(3), bare];
    for (const captions of ['all', 'one-per-image'] as const) {
      const given = { ...options, captions, captionsPerImage: 2 };
      const batches = new EpochBatches(examplesOf(more), given);
      expect([...batches.epoch(1)]).toEqual(epochByLists(images, given, 1));
    }
  });

  it('refuses to have nothing', () => {
    expect(() => new EpochBatches(examplesOf([]), options)).toThrow(/no caption to learn from/);
  });
});
