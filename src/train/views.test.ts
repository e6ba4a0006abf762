/** What shows a training, as a training uses it: it may fail, and the training goes on. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tinyConfig, writeTinyDataset } from '../../tests/tiny.js';
import { prepareBackend, tf } from '../backend/index.js';
import { silentLog, type Log } from '../core/index.js';
import { train } from './trainer.js';

let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'showtell-views-'));
  await writeTinyDataset(directory);
  await prepareBackend();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Trains two epochs; `meanwhile` happens once, when epoch `at` begins. */
async function trained(name: string, at: number, meanwhile: () => void = () => {}) {
  const warnings: string[] = [];
  const log: Log = {
    ...silentLog,
    warn: (line) => void warnings.push(line),
    progress(title) {
      if (title === `epoch ${at}/2`) meanwhile();
      return { update() {}, end() {} };
    },
  };
  const encoder = { name: 'small_cnn', train: 'none' } as const;
  const config = tinyConfig(directory, { output: join(directory, name), encoder });
  await train(config, { log, cacheDirectory: join(directory, 'cache') });
  const board = join(config.output, 'tensorboard');
  const events = readFileSync(join(board, readdirSync(board)[0]), 'latin1');
  const pictures = [...events.matchAll(/attention\/([\w-]+\.png)/g)].map(([, image]) => image);
  // Every training tells that its tiny data shares images between the splits.
  return { config, pictures, warnings: warnings.filter((line) => line.startsWith('no ')) };
}

it('has a report and pictures of two images after each epoch, and leaves no tensor', async () => {
  const before = tf.memory().numTensors;
  const { config, pictures, warnings } = await trained('whole', 1);
  expect(tf.memory().numTensors).toBe(before);
  expect(warnings).toEqual([]);
  expect(pictures).toEqual([...Array(2)].flatMap(() => ['dark-red.png', 'bright-red.png']));
  const report = readFileSync(join(config.output, 'report.html'), 'utf8');
  expect(report).toMatch(/<dd>ended</);
  expect(report).toMatch(/entries of the vocabulary\s*<\/th>\s*<td class="number">1\d</);
});

it('writes the report while the training goes on', async () => {
  let seen = '';
  const path = join(directory, 'growing', 'report.html');
  await trained('growing', 2, () => (seen = readFileSync(path, 'utf8')));
  expect(seen).toMatch(/<dd>running</);
  expect(seen).toMatch(/<dd>1 of 2</);
});

it('goes on without a report where that cannot be written, and says so once', async () => {
  const path = join(directory, 'blocked', 'report.html');
  const { config, warnings } = await trained('blocked', 1, () => {
    mkdirSync(path);
    writeFileSync(join(path, 'file'), '');
  });
  expect(warnings).toEqual([expect.stringMatching(/^no report: /)]);
  expect(readdirSync(config.output).filter((name) => name.startsWith('.'))).toEqual([]);
});

it('goes on without pictures where the images have moved, and says so once', async () => {
  const images = join(directory, 'images');
  const { pictures, warnings } = await trained('moved', 1, () => renameSync(images, `${images} moved`));
  renameSync(`${images} moved`, images);
  expect(pictures).toEqual([]);
  expect(warnings).toEqual([
    expect.stringMatching(/^no pictures of the attention in TensorBoard: The image .*dark-red\.png does not/),
  ]);
});
