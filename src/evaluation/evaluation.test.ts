import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteFile } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  captionStatistics,
  compare,
  comparePage,
  coverage,
  drawSamples,
  formatEvaluation,
  novelty,
  percentileInterval,
  pValue,
  readEvaluation,
  scoreCaptions,
  scoreFiles,
} from './index.js';

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
const close = (a: number, b: number) => expect(Math.abs(a - b)).toBeLessThan(1e-12);

describe('caption statistics', () => {
  const captions = [
    'a dog runs',
    'a dog dog on the',
    'the cat and the cat',
    'a <unk>',
    '',
    'a b c x a b c',
  ].map(words);
  const references = captions.map(() => [words('a dog'), words('a man with a')]);
  const found = captionStatistics(captions, references, 1.1, [false, false, true, false, false, false]);

  it('are as counted by hand', () => {
    expect(found).toMatchObject({ minWords: 0, maxWords: 7, lengthRatio: 1.1 });
    close(found.meanWords, 22 / 6);
    close(found.unfinished!, 1 / 6);
    close(found.empty, 1 / 6);
    close(found.unknown, 1 / 6);
    close(found.doubledWord, 1 / 6);
    close(found.repeatedBigram, 2 / 6); // "the cat" and "a b", "b c"
    close(found.repeatedTrigram, 1 / 6);
    close(found.dangling, 1 / 6); // "on the"
    close(found.danglingReferences, 1 / 2);
    expect(found.distinctCaptions).toBe(1);
    expect(found.vocabularyUsed).toBe(11);
    close(found.distinct1, 11 / 22);
  });

  it('does not claim to know what is unfinished', () => {
    expect(captionStatistics(captions, references, 1, null).unfinished).toBeNull();
  });

  it('novelty and coverage', () => {
    const training = [words('a dog runs'), words('a b c x y')];
    const { captions: share, fourGrams } = novelty([words('a dog runs'), words('a b c x a')], training);
    close(share, 1 / 2);
    close(fourGrams, 1 / 2);
    expect(coverage([words('a dog a'), words('cat')], (word) => word !== 'cat')).toEqual({
      tokens: 3 / 4,
      types: 2 / 3,
    });
  });
});

describe('bootstrap', () => {
  it('draws the same samples for the same seed', () => {
    const draw = (seed: number) => [...drawSamples(5, { samples: 3, seed })].map((sample) => [...sample]);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(
      draw(1)
        .flat()
        .every((image) => image >= 0 && image < 5),
    ).toBe(true);
  });

  it('takes percentiles with interpolation', () => {
    const [low, high] = percentileInterval(Array.from({ length: 101 }, (_, i) => 100 - i));
    close(low, 2.5);
    close(high, 97.5);
  });

  it("gives the mean's interval of the normal approximation", () => {
    const values = Array.from({ length: 400 }, (_, i) => ((i * 37) % 400) / 400);
    const means = [...drawSamples(400, { samples: 2000, seed: 3 })].map(
      (sample) => sample.reduce((sum, image) => sum + values[image], 0) / 400,
    );
    const [low, high] = percentileInterval(means);
    const error = Math.sqrt(1 / 12 / 400); // of a uniform distribution's mean
    expect(Math.abs(high - low - 2 * 1.96 * error)).toBeLessThan(0.1 * 2 * 1.96 * error);
  });

  it('counts the other side of zero, and never says 0', () => {
    close(pValue([1, 1, 1, -1]), (2 * 2) / 5);
    close(pValue([1, 2, 3]), 2 / 4);
    expect(pValue([0, 0])).toBe(1);
  });
});

describe('scores', () => {
  const images = [
    {
      image: 'a.jpg',
      caption: 'a dog runs',
      references: ['A dog runs.', 'The dog is running'],
      finished: true,
    },
    { image: 'b.jpg', caption: 'a cat', references: ['Two cats sit', 'a cat sits'], finished: false },
    { image: 'c.jpg', caption: 'a red bird', references: ['a red bird sings'], finished: true },
  ];
  const options = { tokenizer: 'ptb', bootstrap: { samples: 200, seed: 1 } } as const;

  it('hold their intervals, and METEOR only with its data', () => {
    const { scores, perImage, statistics } = scoreCaptions(images, options);
    expect(Object.keys(scores)).toEqual(['BLEU-1', 'BLEU-2', 'BLEU-3', 'BLEU-4', 'ROUGE-L', 'CIDEr-D']);
    for (const { score, interval } of Object.values(scores)) {
      expect(interval[0]).toBeLessThanOrEqual(score);
      expect(interval[1]).toBeGreaterThanOrEqual(score);
    }
    expect(perImage[0]['ROUGE-L']).toBeCloseTo(1, 12);
    expect(statistics.unfinished).toBeCloseTo(1 / 3, 12);
    expect(scoreCaptions(images, options)).toEqual(scoreCaptions(images, options));
  });

  it('tokenise captions and references alike', () => {
    const shouting = images.map((image) => ({ ...image, caption: `${image.caption.toUpperCase()} .` }));
    expect(scoreCaptions(shouting, options).scores).toEqual(scoreCaptions(images, options).scores);
  });
});

describe('files', () => {
  let directory: string;
  const at = (name: string) => join(directory, name);
  const write = (name: string, content: unknown) => {
    writeFileSync(at(name), typeof content === 'string' ? content : JSON.stringify(content));
    return at(name);
  };
  const coco = {
    images: [
      { id: 1, file_name: 'a.jpg' },
      { id: 2, file_name: 'b.jpg' },
    ],
    annotations: [
      { image_id: 1, caption: 'A dog runs.' },
      { image_id: 1, caption: 'The dog.' },
      { image_id: 2, caption: 'A cat sits.' },
    ],
  };
  const results = [
    { image_id: 1, caption: 'a dog runs' },
    { image_id: 2, caption: 'a dog sits' },
  ];
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'showtell-evaluation-'));
    write('coco.json', coco);
    write('results.json', results);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const score = (hypotheses: string, references = at('coco.json'), more = {}) =>
    scoreFiles({ references, hypotheses, bootstrap: { samples: 50 }, ...more });

  it('gives the same scores for every form of references and captions', async () => {
    const { scores, protocol } = await score(at('results.json'));
    expect(protocol).toMatchObject({ images: 2, references: 3, tokenizer: 'ptb', model: null });
    const lines = write('results.jsonl', results.map((line) => JSON.stringify(line)).join('\n'));
    expect((await score(lines)).scores).toEqual(scores);
    const named = write('named.json', [
      { image_id: 'a.jpg', caption: 'a dog runs' },
      { image_id: 'b.jpg', caption: 'a dog sits' },
    ]);
    expect((await score(named)).scores).toEqual(scores);
    const csv = write(
      'references.csv',
      'image,caption\na.jpg,A dog runs.\na.jpg,The dog.\nb.jpg,A cat sits.\n',
    );
    expect((await score(named, csv)).scores).toEqual(scores);
    const token = write('references.txt', 'a.jpg#0\tA dog runs.\na.jpg#1\tThe dog.\nb.jpg#0\tA cat sits.\n');
    expect((await score(named, token)).scores).toEqual(scores);
    const evaluation = write('evaluation.json', formatEvaluation(await score(named)));
    expect((await score(evaluation)).scores).toEqual(scores);
    expect((await readEvaluation(evaluation)).scores).toEqual(scores);
  });

  it('gives the same scores for what `caption --output` writes, by keys without an ending too', async () => {
    const { scores } = await score(at('results.json'));
    const rows = [
      { key: 'a', caption: 'a dog runs', logProbability: -1, error: null },
      { key: 'b.jpg', caption: 'a dog sits', logProbability: -2, error: null },
    ];
    mkdirSync(at('captions/_showtell'), { recursive: true });
    write('captions/_showtell/0.jsonl', 'no captions');
    write('captions/0.jsonl', `${JSON.stringify(rows[0])}\n`);
    write('captions/1.jsonl', '');
    write('captions/2.jsonl', `${JSON.stringify(rows[1])}\n`);
    const found = await score(at('captions'));
    expect(found.scores).toEqual(scores);
    expect(found.captions.map(({ logProbability }) => logProbability)).toEqual([-1, -2]);
    const columnData = [
      { name: 'key', data: rows.map(({ key }) => key) },
      { name: 'caption', data: rows.map(({ caption }) => caption) },
      { name: 'log_probability', data: [-1, -2], type: 'DOUBLE' as const },
    ];
    parquetWriteFile({ filename: at('rows.parquet'), columnData });
    const parquet = await score(at('rows.parquet'));
    expect(parquet.scores).toEqual(scores);
    expect(parquet.captions.map(({ logProbability }) => logProbability)).toEqual([-1, -2]);
  });

  it('leaves out rows with an error only where that is asked for', async () => {
    const rows = [
      { key: 'a.jpg', caption: 'a dog runs', error: null },
      { key: 'b.jpg', caption: null, error: 'The image b.jpg is empty (0 bytes).' },
    ];
    const file = write('errors.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
    await expect(score(file)).rejects.toThrow(
      /1 of 2 rows of .* hold an error[^]*b\.jpg: The image b\.jpg is empty/,
    );
    const { protocol } = await score(file, at('coco.json'), { onlyCaptioned: true });
    expect(protocol).toMatchObject({ images: 1, files: { uncaptioned: 1 } });
    mkdirSync(at('nothing'));
    await expect(score(at('nothing'))).rejects.toThrow(/holds no captions/);
  });

  it('does not guess between images whose names differ in their ending only', async () => {
    const csv = write('alike.csv', 'image,caption\na.jpg,A dog.\na.png,A cat.\n');
    const lines = write('alike.jsonl', JSON.stringify({ key: 'a', caption: 'a dog', error: null }));
    await expect(score(lines, csv, { onlyCaptioned: true })).rejects.toThrow(/have no reference/);
  });

  it.each<[string, unknown, RegExp]>([
    [
      'an image without references',
      [...results, { image_id: 3, caption: 'x' }],
      /1 of 3 images .* have no reference .*: 3\./,
    ],
    ['an image captioned twice', [...results, results[0]], /captions\[2\]: image 1 has a caption already/],
    [
      'captions of no type',
      [{ image_id: 1, caption: 7 }, { caption: 'x' }, 5],
      /captions\[0\]: caption is 7[^]*captions\[1\]: no image_id[^]*captions\[2\]: 5 is no object/,
    ],
    [
      'an image twice under two names',
      [...results, { image_id: 'a.jpg', caption: 'x' }],
      /captions an image twice/,
    ],
    ['images without a caption', results.slice(0, 1), /1 of the 2 images .* have no caption .*: 2\./],
    ['no caption at all', [], /holds no caption/],
    ['something else', { x: 1 }, /is no list of captions/],
    ['no JSON', 'hello', /is no JSON/],
    ['a broken line', '{"image_id":1,"caption":"x"}\n{"image_id":2', /line 2 is no JSON/],
  ])('refuses %s', async (_, content, message) => {
    await expect(score(write('bad.json', content))).rejects.toThrow(message);
  });

  it('scores some images only when asked to, and says so', async () => {
    const some = write('some.json', results.slice(0, 1));
    const { protocol } = await score(some, undefined, { onlyCaptioned: true });
    expect(protocol).toMatchObject({ images: 1, files: { uncaptioned: 1 } });
  });

  it('compares evaluations of the same images', async () => {
    const a = await score(at('results.json'));
    const better = write('better.json', [
      { image_id: 2, caption: 'a cat sits' },
      { image_id: 1, caption: 'a dog runs' },
    ]);
    const b = await score(better);
    const comparison = compare(a, b, { bootstrap: { samples: 100 }, by: 'ROUGE-L' });
    expect(comparison).toMatchObject({ same: 1, images: [{ image: '2', a: 'a dog sits', b: 'a cat sits' }] });
    const bleu = comparison.metrics['BLEU-1']!;
    expect(bleu.difference).toBeCloseTo(bleu.b - bleu.a, 12);
    expect(bleu.difference).toBeGreaterThan(0);
    expect(bleu.interval[0]).toBeGreaterThanOrEqual(0);
    const same = compare(a, a, { bootstrap: { samples: 20 } });
    expect(same.metrics['CIDEr-D']).toMatchObject({ difference: 0, interval: [0, 0], p: 1 });
    const page = comparePage({ ...comparison, names: { a: '<b>', b: '"' } });
    expect(page).toContain('&lt;b&gt;');
    expect(page).not.toContain('<b>');
    expect(page).not.toMatch(/https?:|<script/);
  });

  it('refuses to compare what cannot be compared', async () => {
    const a = await score(at('results.json'));
    const letters = await score(at('results.json'), undefined, { tokenizer: 'letters' });
    expect(() => compare(a, letters)).toThrow(/the tokenizers differ/);
    const other = write('some.json', results.slice(0, 1));
    const fewer = await score(other, undefined, { onlyCaptioned: true });
    expect(() => compare(a, fewer)).toThrow(/the images differ: 1 only in A \(2\)/);
    const changed = structuredClone(a);
    changed.captions[0].references = ['something else'];
    expect(() => compare(a, changed)).toThrow(/references of 1 differ/);
    await expect(readEvaluation(at('results.json'))).rejects.toThrow(/holds captions without references/);
  });
});
