import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sharedPath } from '../../tests/helpers.js';
import type { DataConfig } from '../config/index.js';
import { silentLog, UserError, type Log } from '../core/index.js';
import { readDataset, readSplit } from './dataset.js';

let folder: string;
let warnings: string[];
const log: Log = { ...silentLog, warn: (line) => warnings.push(line) };

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function config(more: Partial<DataConfig> = {}): DataConfig {
  return {
    format: 'flickr-csv',
    captions: join(folder, 'captions.txt'),
    images: join(folder, 'images'),
    splits: { train: join(folder, 'train.txt'), validation: join(folder, 'validation.txt') },
    onBadImage: 'error',
    onSharedImages: 'error',
    ...more,
  };
}

/** What went wrong, with the temporary folder's name taken out. */
async function failure(given: DataConfig): Promise<UserError & { text: string }> {
  try {
    await readDataset(given, log);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return Object.assign(error, { text: error.message.replaceAll(folder + '/', '') });
  }
  throw new Error('nothing went wrong');
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'showtell-data-'));
  warnings = [];
  mkdirSync(join(folder, 'images'));
  for (const name of ['a.jpg', 'b.jpg', 'c.jpg']) write(`images/${name}`, name);
  write(
    'captions.txt',
    'image,caption\na.jpg,"One dog, running ."\na.jpg,Two\nb.jpg,"He said ""hi"" ."\nc.jpg,Ü\n',
  );
  write('train.txt', 'a.jpg\n\nb.jpg\n');
  write('validation.txt', 'c.jpg');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const expected = {
  train: [
    { image: 'a.jpg', captions: ['One dog, running .', 'Two'] },
    { image: 'b.jpg', captions: ['He said "hi" .'] },
  ],
  validation: [{ image: 'c.jpg', captions: ['Ü'] }],
};

describe('splits', () => {
  it('names images without captions, with the lines of the list', async () => {
    write('train.txt', 'a.jpg\nz.jpg\n');
    expect((await failure(config())).text).toBe(
      '1 of 2 images of the split list have no caption in captions.txt:\n  train.txt:2: z.jpg has no caption',
    );
    write('train.txt', '\n \n');
    expect((await failure(config())).text).toBe('The split list train.txt names no image.');
  });

  it('counts a repeated name once and warns', async () => {
    write('train.txt', 'a.jpg\nb.jpg\na.jpg');
    expect(await readDataset(config(), log)).toEqual(expected);
    expect(warnings.join()).toMatch(/train\.txt: 1 names are listed again .*a\.jpg in lines 1 and 3/);
  });

  it('do not share images, by name or by content, unless the config lets them', async () => {
    write('validation.txt', 'c.jpg\nb.jpg');
    const { text, hint } = await failure(config());
    expect(text).toBe('1 images are in more than one split: b.jpg (train) = b.jpg (validation).');
    expect(hint).toMatch(/onSharedImages: warn/);
    await readDataset(config({ onSharedImages: 'warn' }), log);
    expect(warnings.join()).toMatch(/b\.jpg \(validation\)\. Scores on them do not measure unseen images/);
    write('validation.txt', 'c.jpg');
    write('images/c.jpg', 'a.jpg'); // the content of the other
    expect((await failure(config())).text).toMatch(/: a\.jpg \(train\) = c\.jpg \(validation\)\.$/);
  });

  it('reads one split without the lists of the others', async () => {
    rmSync(join(folder, 'train.txt'));
    expect(await readSplit(config(), 'validation', log)).toEqual(expected.validation);
    await expect(readSplit(config(), 'test', log)).rejects.toThrow(/names no test split/);
  });
});

describe('images that are not on disk', () => {
  beforeEach(() => rmSync(join(folder, 'images', 'b.jpg')));

  it('end the run by name', async () => {
    const { text, hint } = await failure(config());
    expect(text).toBe('1 of 2 images of the train split are not in images: b.jpg.');
    expect(hint).toMatch(/onBadImage: skip/);
  });

  it('are left out and counted when the config says so', async () => {
    const dataset = await readDataset(config({ onBadImage: 'skip' }), log);
    expect(dataset.train).toEqual(expected.train.slice(0, 1));
    expect(warnings.join()).toMatch(/1 of 2 images of the train split .* b\.jpg\. They are left out/);
  });

  it('end the run when none is left, and when the folder is missing', async () => {
    rmSync(join(folder, 'images', 'a.jpg'));
    expect((await failure(config({ onBadImage: 'skip' }))).text).toMatch(/^2 of 2 images of the train split/);
    rmSync(join(folder, 'images'), { recursive: true });
    expect((await failure(config())).text).toBe('The image folder images does not exist.');
  });

  it('may lie in subfolders', async () => {
    mkdirSync(join(folder, 'images', 'sub'));
    write('images/sub/d.jpg', 'x');
    write('captions.txt', 'image,caption\nsub/d.jpg,Three');
    write('train.txt', 'sub/d.jpg');
    write('validation.txt', 'sub/d.jpg');
    const { train } = await readDataset(config({ onSharedImages: 'warn' }), log);
    expect(train).toEqual([{ image: 'sub/d.jpg', captions: ['Three'] }]);
  });
});

const flickr = sharedPath('datasets', 'flickr8k');

describe.skipIf(!flickr)('Flickr8k itself (needs the shared data set)', () => {
  it('gives the same in both formats: 6,000 and 1,000 images with 5 captions each', async () => {
    const real = (format: DataConfig['format'], captions: string): DataConfig => ({
      format,
      captions: join(flickr!, captions),
      images: join(flickr!, 'images'),
      splits: {
        train: join(flickr!, 'Flickr_8k.trainImages.txt'),
        validation: join(flickr!, 'Flickr_8k.devImages.txt'),
      },
      onBadImage: 'error',
      onSharedImages: 'error',
    });
    const csv = await readDataset(real('flickr-csv', 'captions.txt'), log);
    const token = await readDataset(real('flickr-token', 'Flickr8k.token.txt'), log);
    expect([csv.train.length, csv.validation.length]).toEqual([6000, 1000]);
    expect(csv.train.every(({ captions }) => captions.length === 5)).toBe(true);
    const sorted = (items: typeof csv.train) =>
      items.map(({ image, captions }) => [image, ...[...captions].sort()]);
    expect(sorted(csv.train)).toEqual(sorted(token.train));
    expect(warnings).toEqual([]);
  });
});
