import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyConfig, writeTinyDataset } from '../../../tests/tiny.js';
import type { Config, ConfigInput } from '../../config/index.js';
import type { EpochEntry, JournalEntry, StepEntry } from '../journal.js';
import { describeRun } from '../runs.js';
import { reportedRun, spread } from './data.js';
import { reportPage } from './page.js';
import { samplePhotos } from './samples.js';
import { chosenSettings } from './settings.js';

let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'showtell-report-'));
  await writeTinyDataset(directory);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const now = new Date('2026-01-02T03:04:05Z');

const step = (at: number, change: Partial<StepEntry> = {}): StepEntry => ({
  ...{ event: 'step', epoch: 1, step: at, loss: 3 / at, gradientNorm: 1, learningRate: 1e-3 },
  ...{ wordsPerSecond: 1000, seconds: at },
  ...change,
});
const epoch = (number: number, change: Partial<EpochEntry> = {}): EpochEntry => ({
  ...{ event: 'epoch', epoch: number, step: 10 * number, trainLoss: 2, best: true },
  validation: { images: 4, bleu: [0.6, 0.4, 0.3, number / 100], ciderD: 0.5 },
  samples: [
    { image: 'dark-red.png', caption: `Red after ${number}` },
    { image: 'gone.png', caption: '' },
  ],
  ...{ wordsPerSecond: 2000, seconds: 4000 * number },
  ...change,
});

const reported = (entries: JournalEntry[], changes: Partial<ConfigInput> = {}, output = 'out') => {
  const config = tinyConfig(directory, { output: join(directory, output), ...changes });
  return reportedRun(describeRun(config.output, config, entries, false), entries);
};
const page = async (...runs: ReturnType<typeof reported>[]) =>
  reportPage(runs, { photos: await samplePhotos(runs), now });

/** The text of each row of the tables. */
const rows = (text: string): string[] =>
  text.match(/<tr[ >][^]*?<\/tr>/g)!.map((row) =>
    row
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim(),
  );
const titles = (text: string): string[] => [...text.matchAll(/<title id="[^"]*">([^<]*)/g)].map(([, t]) => t);

describe('the report of one training', () => {
  const twoStages = [
    ...[step(5), step(10), epoch(1), step(15), epoch(2)],
    ...[step(25, { reward: 0.4, loss: -0.1 }), step(30, { reward: 0.5, loss: -0.2 })],
    epoch(3, { reward: 0.45, best: false }),
  ];

  it('has state, curves, scores with the best epoch, captions of every epoch and settings', async () => {
    const text = await page(reported(twoStages, { training: { epochs: 2, selfCritical: { epochs: 2 } } }));
    expect(text).toMatch(/<dt>state<\/dt>\s*<dd>stopped</);
    expect(text).toMatch(/<dd>3 of 4</);
    expect(titles(text)).toEqual([
      'Training loss, nats a word',
      'Reward: CIDEr-D of sampled captions, times 100',
      'Self-critical loss, -advantage x log p',
      'Learning rate',
      'Gradient norm, before clipping',
      'Speed, words a second',
      'BLEU of validation captions, times 100',
      'CIDEr-D of validation captions, times 100',
    ]);
    expect(text).toContain('loss: 0.6 at step 5, 0.2 at step 15'); // cross-entropy alone
    expect(text).toContain('reward: 40 at step 25, 50 at step 30');
    expect(text).toContain('self-critical from step 25');
    expect(text).toContain('self-critical from epoch 3');
    expect(text).toContain('best: epoch 2');
    expect(rows(text)).toEqual(
      expect.arrayContaining([
        '2, best 60.0 40.0 30.0 2.0 50.0 2.000 2000 2 h 13 min',
        '3 60.0 40.0 30.0 3.0 50.0 2.000 45.0 2000 3 h 20 min',
        'epoch 1 Red after 1',
        'epoch 2, best Red after 2',
        'epoch 3 Red after 3',
        'epoch 3 (no word)',
        'encoder.train &quot;all&quot; &quot;none&quot;',
      ]),
    );
    expect(text).toContain('State of 2026-01-02 03:04 UTC');
  });

  it('embeds the photos that are there, small, and loads nothing', async () => {
    const text = await page(reported([epoch(1)]));
    expect(text.match(/<img /g)).toHaveLength(1);
    expect(text).toMatch(/<img src="data:image\/jpeg;base64,[^"]{100,20000}" alt=""/);
    expect(text).not.toMatch(/<script|<link|@import|https?:/);
  });

  it('takes a training that has not got anywhere yet', async () => {
    const text = await page(reported([]));
    expect(text).toMatch(/<dd>0 of 2</);
    expect(text).not.toMatch(/<svg|NaN|undefined|Infinity/);
  });

  it('leaves out what is no number', async () => {
    const infinite = step(2, { gradientNorm: null as unknown as number });
    const text = await page(reported([step(1), infinite, step(3)]));
    expect(text).toContain('norm: 1 at step 1, 1 at step 3');
    expect(text).not.toContain('NaN');
  });

  it('stays small however long the training was', async () => {
    const steps = Array.from({ length: 100_000 }, (_, i) => step(i + 1));
    const epochs = Array.from({ length: 1000 }, (_, i) => epoch(i + 1, { best: i === 500 }));
    const text = await page(reported([...steps, ...epochs]));
    expect(text.length).toBeLessThan(400_000);
    expect(text).toContain('epoch 501, best');
    expect(text).toContain('Red after 1000');
  });

  it('escapes what it is given', async () => {
    const evil = '<b onclick="x">&\'';
    const samples = [{ image: evil, caption: evil }];
    const text = await page(reported([epoch(1, { samples })], { about: evil, text: { minCount: 1 } }));
    expect(text).not.toContain('<b onclick');
    expect(text.split('&lt;b onclick=&quot;x&quot;&gt;&amp;&#39;').length).toBeGreaterThan(3);
  });

  it('says what the best checkpoint knows of the data, if that can be read', async () => {
    const best = join(directory, 'facts', 'best');
    mkdirSync(best, { recursive: true });
    const validation = { images: 12 };
    writeFileSync(join(best, 'metrics.json'), JSON.stringify({ trainImages: 6000, validation }));
    writeFileSync(join(best, 'vocabulary.json'), 'broken');
    expect(reported([], {}, 'facts').facts).toEqual([
      ['training images', '6,000'],
      ['validation images', '12'],
    ]);
  });
});

describe('the report of several trainings', () => {
  it('has a line for each in the same charts, and the settings that differ', async () => {
    const fast = reported([step(5), step(10), epoch(1)], { training: { learningRate: 0.5 } }, 'fast');
    const slow = reported([step(20), epoch(1), epoch(2)], {}, 'slow');
    const text = await page(fast, slow);
    expect(text).toMatch(/<h1>2 trainings compared</);
    expect(text).toContain('fast: 0.6 at step 5, 0.3 at step 10; slow: 0.15 at step 20');
    expect(titles(text)).toContain('BLEU-4 of validation captions, times 100');
    expect(rows(text)).toEqual(
      expect.arrayContaining([
        'setting fast slow',
        expect.stringMatching(/^training\.learningRate 0\.5 0\.005$/),
        'fast, epoch 1 Red after 1',
        'slow, epoch 2 Red after 2',
      ]),
    );
    expect(text).not.toContain('slow, epoch 1');
  });
});

describe('chosenSettings', () => {
  it('lists what has no default, and what is not as by default', () => {
    const settings = (changes: Partial<ConfigInput>) => chosenSettings(tinyConfig(directory, changes));
    const found = settings({ training: { selfCritical: { samples: 3 } } });
    expect(found[0]).toEqual({ key: 'encoder.name', value: '"small_cnn"', defaultValue: null });
    const byKey = new Map(found.map(({ key, value, defaultValue }) => [key, [value, defaultValue]]));
    expect(byKey.get('image.crop')).toEqual(['null', '224']);
    expect(byKey.get('training.selfCritical.samples')).toEqual(['3', 'not set']);
    expect(byKey.has('training.learningRate')).toBe(false); // as by default
    expect(byKey.has('name')).toBe(false);
  });

  it('still lists what it can of a configuration that it cannot compare', () => {
    const config = { ...tinyConfig(directory), name: 'not a name' } as Config;
    expect(chosenSettings(config).map(({ key }) => key)).toContain('data.images');
  });
});

describe('spread', () => {
  it('keeps the first, the last and the best', () => {
    const epochs = Array.from({ length: 100 }, (_, i) => epoch(i + 1));
    const numbers = spread(epochs, epochs[41], 4).map(({ epoch }) => epoch);
    expect(numbers).toEqual([1, 34, 42, 67, 100]);
    expect(spread(epochs.slice(0, 4), null, 4)).toHaveLength(4);
  });
});
