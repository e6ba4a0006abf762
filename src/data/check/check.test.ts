/** A data set with one of each mistake. Threads run from `dist`. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyConfig } from '../../../tests/tiny.js';
import type { Config } from '../../config/index.js';
import { Random, silentLog } from '../../core/index.js';
import { checkData } from './check.js';
import { reportLines } from './lines.js';
import { checkPage, shownImages } from './page.js';
import type { CheckReport } from './report.js';

let folder: string;
let config: Config;

/** A JPEG with shapes that depend on the seed. */
async function photo(seed: string, quality = 90, size = 64): Promise<Buffer> {
  const random = Random.from(seed);
  const small = Buffer.from(Array.from({ length: 8 * 8 * 3 }, () => Math.floor(random.next() * 256)));
  return sharp(small, { raw: { width: 8, height: 8, channels: 3 } })
    .resize(size, size, { kernel: 'cubic' })
    .jpeg({ quality })
    .toBuffer();
}
const image = (name: string, bytes: Uint8Array | string) =>
  writeFileSync(join(folder, 'images', name), bytes);
const text = (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content);

const check = (changes: Partial<Config['data']> = {}, log = silentLog) =>
  checkData({ ...config, data: { ...config.data, ...changes } }, { log, threads: 2 });
const kinds = ({ findings }: CheckReport) =>
  Object.fromEntries(findings.map(({ kind, severity, count }) => [kind, `${severity} ${count}`]));
const itemsOf = ({ findings }: CheckReport, kind: string) =>
  findings
    .find((finding) => finding.kind === kind)!
    .items.map((item) => item.text.replaceAll(folder + '/', ''));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'showtell-check-'));
  mkdirSync(join(folder, 'images'));
  config = tinyConfig(folder, { text: { minCount: 1, maxWords: 6 } });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a sound data set', () => {
  it('has no findings, and its numbers', async () => {
    for (const name of ['a', 'b', 'c']) image(`${name}.jpg`, await photo(name));
    text(
      'captions.txt',
      'image,caption\na.jpg,A dog runs\na.jpg,A dog\nb.jpg,Two red cats\nb.jpg,Cats\nc.jpg,A dog sleeps\nc.jpg,One dog\n',
    );
    text('train.txt', 'a.jpg\nb.jpg\n');
    text('validation.txt', 'c.jpg\n');
    const report = await check({ onSharedImages: 'error' });
    expect(report.findings).toEqual([]);
    expect(report.stops).toBe(false);
    expect(report.splits.train).toEqual({
      images: 2,
      captions: 4,
      captionsPerImage: { 2: 2 },
      lengths: [0, 1, 1, 2],
      words: { mean: 9 / 4, median: 2, p95: 3, most: 3 },
      tokens: 9,
      types: 6, // a dog runs two red cats
      covered: 1,
      unknown: [],
    });
    expect(report.splits.validation).toMatchObject({
      covered: 3 / 5,
      unknown: [
        ['one', 1],
        ['sleeps', 1],
      ],
    });
    expect(report.vocabulary).toEqual({ size: 10, minCount: 1, types: 6 });
    expect(report.images).toMatchObject({ checked: 3, usable: 3, width: [64, 64, 64] });
    expect(reportLines(report).at(-1)).toBe('Nothing stands in the way of a training.');
    expect(reportLines(report)).toContain(
      'validation: 1 images, 2 captions (2 an image), 4 different words, 60.0 % covered',
    );
  });

  it('may lack the test split, but not the others', async () => {
    const report = await check({ splits: { ...config.data.splits, train: join(folder, 'none.txt') } });
    expect(report.stops).toBe(true);
    expect(report.splits.validation?.images).toBe(1);
    expect(itemsOf(report, 'unreadable-file')[0]).toMatch(/^The split list none\.txt does not exist\./);
  });
});

describe('a data set with every mistake', () => {
  let report: CheckReport;

  beforeAll(async () => {
    const whole = await photo('b');
    image('b-again.jpg', whole);
    image('b-squeezed.jpg', await photo('b', 40));
    image('c-squeezed.jpg', await photo('c', 40));
    image('cut.jpg', whole.subarray(0, whole.length / 2));
    image('empty.jpg', '');
    image('page.jpg', '<html>not found</html>');
    image('noise.jpg', 'neither this nor that');
    image(
      'small.png',
      await sharp({ create: { width: 8, height: 40, channels: 3, background: 'red' } })
        .png()
        .toBuffer(),
    );
    image(
      'large.png',
      await sharp({ create: { width: 6000, height: 4001, channels: 3, background: 'red' } })
        .png()
        .toBuffer(),
    );
    image(
      'huge.png',
      await sharp({ create: { width: 10001, height: 10000, channels: 3, background: 'red' } })
        .png()
        .toBuffer(),
    );
    const names = 'a b c b-again b-squeezed c-squeezed cut empty page noise gone'
      .split(' ')
      .map((name) => `${name}.jpg`);
    names.push('small.png', 'large.png', 'huge.png');
    const captions = names.map((name) => `${name},A dog runs\n${name},Two dogs`);
    captions.push(
      'cut.jpg,a  DOG runs', // repeats the first
      'cut.jpg,...',
      'cut.jpg,one two three four five six seven',
      'cut.jpg,A CafÃ©',
      'cut.jpg,Caf\uFFFD',
      'cut.jpg,A \u0007bell',
    );
    text('captions.txt', `image,caption\n${captions.join('\n')}\n`);
    text('train.txt', `${names.filter((name) => name !== 'c.jpg').join('\n')}\na.jpg\n`);
    text('validation.txt', 'c.jpg\nb-again.jpg\na.jpg\n');
    report = await check({ onSharedImages: 'error' });
  });

  it('finds each of them', () => {
    expect(kinds(report)).toEqual({
      'missing-image': 'error 1',
      'truncated-image': 'error 2',
      'corrupt-image': 'error 2',
      'oversize-image': 'error 1',
      'shared-name': 'error 2',
      'shared-content': 'error 1',
      'shared-look': 'warning 2',
      mojibake: 'warning 1',
      'replacement-character': 'warning 1',
      'control-character': 'warning 1',
      'empty-caption': 'warning 1',
      'large-image': 'note 1',
      'small-image': 'note 1',
      'repeated-caption': 'note 1',
      'long-caption': 'note 1',
      'listed-again': 'note 1',
    });
    expect(report.stops).toBe(true);
  });

  it('names what it found', () => {
    expect(itemsOf(report, 'missing-image')).toEqual(['gone.jpg (train)']);
    expect(itemsOf(report, 'truncated-image').sort()[0]).toMatch(
      /^The image images\/cut\.jpg cannot be decoded: .* \(train\)$/,
    );
    expect(itemsOf(report, 'shared-name')).toContain('a.jpg (train and validation)');
    expect(itemsOf(report, 'shared-content')).toEqual(['b.jpg (train) = b-again.jpg (train and validation)']);
    expect(itemsOf(report, 'shared-look').sort()).toEqual([
      'b.jpg (train) = b-again.jpg (train and validation) = b-squeezed.jpg (train)',
      'c-squeezed.jpg (train) = c.jpg (validation)',
    ]);
    expect(itemsOf(report, 'mojibake')).toEqual(['cut.jpg (train): "A CafÃ©" is likely "A Café"']);
  });

  it('warns of what the config lets pass', async () => {
    const found = kinds(await check({ onBadImage: 'skip', onSharedImages: 'warn' }));
    expect(found).toMatchObject({ 'missing-image': 'warning 1', 'shared-name': 'warning 2' });
    expect(Object.values(found).join()).not.toContain('error');
  });

  it('is written as a page that shows the images in question and nothing else', () => {
    expect(shownImages(report).sort()).toEqual([
      'b-again.jpg',
      'b-squeezed.jpg',
      'b.jpg',
      'c-squeezed.jpg',
      'c.jpg',
    ]);
    const page = checkPage(report, new Map([['c.jpg', readFileSync(join(folder, 'images', 'c.jpg'))]]));
    expect(page).toContain('alt="c.jpg"');
    expect(page).not.toContain('alt="b.jpg"');
    expect(page).toContain('A training would end with this data.');
    expect(page).not.toMatch(/<script|src="(?!data:)|href=/);
    expect(page).toContain('&quot;A CafÃ©&quot;'); // escaped
  });
});

it('lists every line that is not UTF-8', async () => {
  text('captions.txt', Buffer.from('image,caption\na.jpg,Zwö\nb.jpg,Two\nc.jpg,é\n', 'latin1'));
  const report = await check();
  expect(itemsOf(report, 'invalid-utf8')).toEqual(['captions.txt:2', 'captions.txt:4']);
  expect(report.stops).toBe(true);
});

it('says when no image is left, and when there would be no vocabulary', async () => {
  text('captions.txt', 'image,caption\nx.jpg,...\nc.jpg,A dog\n');
  text('train.txt', 'x.jpg');
  text('validation.txt', 'c.jpg');
  expect(kinds(await check({ onBadImage: 'skip' }))).toMatchObject({
    'no-image-left': 'error 1',
    'empty-vocabulary': 'error 1',
  });
});

it('ends when it is interrupted', async () => {
  const controller = new AbortController();
  const log = {
    ...silentLog,
    progress: () => ({ update: () => controller.abort(), end() {} }),
  };
  text('captions.txt', 'image,caption\na.jpg,A dog\nb.jpg,A dog\nc.jpg,A dog\n');
  text('train.txt', 'a.jpg\nb.jpg');
  await expect(checkData(config, { log, signal: controller.signal, threads: 1 })).rejects.toThrow(/abort/i);
});
