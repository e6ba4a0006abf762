import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tinyConfig, writeTinyDataset } from '../../tests/tiny.js';
import { prepareBackend, tf } from '../backend/index.js';
import { silentLog } from '../core/index.js';
import { prepareTraining, type TrainingData } from './data.js';
import { Optional } from './optional.js';
import { attendSamples, drawPictures } from './pictures.js';
import { validate } from './validate.js';

let directory: string;
const lstm = { type: 'lstm', embedding: 16, hidden: 24, layers: 1 } as const;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'showtell-pictures-'));
  await writeTinyDataset(directory);
  await prepareBackend();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function withData<T>(changes: object, work: (data: TrainingData) => Promise<T>): Promise<T> {
  const config = tinyConfig(directory, changes);
  const data = await prepareTraining(config, { log: silentLog, cacheDirectory: join(directory, 'cache') });
  try {
    return await work(data);
  } finally {
    await data.close();
    data.encoder.dispose();
    data.decoder.dispose();
  }
}

it('decodes the first images with a map for each word, and leaves no tensor', async () => {
  const config = tinyConfig(directory);
  await withData({}, async (data) => {
    await attendSamples(config, data, 1); // what is kept between decodes is made now
    const before = tf.memory().numTensors;
    const samples = await attendSamples(config, data, 1);
    expect(tf.memory().numTensors).toBe(before);
    expect(samples.map(({ image }) => image)).toEqual(data.validation.slice(0, 2).map(({ image }) => image));
    for (const { caption, height, width, maps } of samples) {
      expect(maps).toHaveLength(caption.words.length);
      for (const map of maps) {
        expect(map).toHaveLength(height * width);
        // Weights in float32 that sum to 1.
        expect(map.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5);
      }
    }
    // Those that validation gives are the same, and their captions those of the journal.
    const validated = await validate(config, data, 1, silentLog);
    expect(validated.attended).toEqual(samples);
    expect(validated.samples.slice(0, 2)).toEqual(
      samples.map(({ image, caption }) => ({ image, caption: caption.text })),
    );
  });
});

it('has nothing to show of a decoder without attention', async () => {
  const config = tinyConfig(directory, { decoder: lstm });
  await withData({ decoder: lstm }, async (data) => {
    expect(await attendSamples(config, data, 1)).toEqual([]);
  });
});

it('draws a picture of each image, and says once which cannot be read any more', async () => {
  const config = tinyConfig(directory);
  const caption = { text: 'A red', words: ['a', 'red'], logProbability: -1, score: -1, finished: true };
  const maps = [Float32Array.of(1, 0), Float32Array.of(0, 1)];
  const sample = (image: string) => ({ image, caption, height: 1, width: 2, maps });
  const warnings: string[] = [];
  const optional = new Optional({ warn: (line) => void warnings.push(line) }, 'no picture');
  const samples = [sample('moved.png'), sample('dark-red.png'), sample('gone.png')];
  const pictures = await drawPictures(config, samples, optional);
  expect(pictures.map(({ image }) => image)).toEqual(['dark-red.png']);
  expect(warnings).toEqual([expect.stringMatching(/^no picture: The image .*moved\.png does not exist\.$/)]);
  const { format, width, height } = await sharp(pictures[0].png).metadata();
  expect(format).toBe('png');
  // Two tiles of 200 x 200 pixels with 12 between, a title of 44 and words of 30.
  expect([width, height]).toEqual([12 + 2 * 212, 44 + 200 + 30 + 12]);
});
