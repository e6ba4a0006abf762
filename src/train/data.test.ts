import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tinyConfig, writeTinyDataset } from '../../tests/tiny.js';
import { prepareBackend } from '../backend/index.js';
import { silentLog } from '../core/index.js';
import { EOS, readDataset, tokenize } from '../data/index.js';
import { prepareTraining, type TrainingData } from './data.js';

let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'showtell-data-'));
  await writeTinyDataset(directory);
  await prepareBackend();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function withData<T>(changes: object, work: (data: TrainingData) => T): Promise<T> {
  const config = tinyConfig(directory, changes);
  const data = await prepareTraining(config, { log: silentLog, cacheDirectory: join(directory, 'cache') });
  try {
    return work(data);
  } finally {
    await data.close();
    data.encoder.dispose();
    data.decoder.dispose();
  }
}

it('knows the data by the fingerprint of trainings from before captions were packed', async () => {
  const { train, validation } = await readDataset(tinyConfig(directory).data, silentLog);
  await withData({}, (data) => {
    const { vocabulary } = data;
    const examples = train.map(({ image, captions }) => ({
      image,
      captions: captions.map((caption) => [...vocabulary.encode(tokenize(caption, 'letters')), EOS]),
    }));
    const text = JSON.stringify([vocabulary.toJSON(), examples, validation]);
    expect(data.earlierFingerprint()).toBe(createHash('sha256').update(text).digest('hex'));
  });
});

it('has another fingerprint where an image or a caption is another', async () => {
  const frozen = { encoder: { name: 'small_cnn', train: 'none', weights: 'none' } };
  const both = (data: TrainingData) => [data.fingerprint, data.earlierFingerprint()];
  const before = await withData(frozen, both);
  expect(await withData(frozen, both)).toEqual(before);
  const captions = join(directory, 'captions.txt');
  writeFileSync(captions, 'dark-red.png,A red one\n', { flag: 'a' });
  const after = await withData(frozen, both);
  expect(after[0]).not.toBe(before[0]);
  expect(after[1]).not.toBe(before[1]);
});
