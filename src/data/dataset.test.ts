import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sharedPath } from '../../tests/helpers.js';
import type { DataConfig } from '../config/index.js';
import { silentLog, UserError, type Log } from '../core/index.js';
import { readDataset, readSplit } from './dataset.js';
import { captionReaders } from './readers.js';

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

/** The same data set in each format: every reader must give the same. */
const sameData: Record<DataConfig['format'], string> = {
  'flickr-csv': 'image,caption\na.jpg,"One dog, running ."\na.jpg,Two\nb.jpg,"He said ""hi"" ."\nc.jpg,Ü\n',
  'flickr-token': 'a.jpg#0\tOne dog, running .\na.jpg#1\tTwo\nb.jpg#0\tHe said "hi" .\nc.jpg#0\tÜ',
};

describe.each(Object.keys(captionReaders) as DataConfig['format'][])('reader %s', (format) => {
  it.each([
    ['as it is', (text: string) => text],
    ['with Windows line ends', (text: string) => text.replaceAll('\n', '\r\n')],
    ['with a byte order mark', (text: string) => '\uFEFF' + text],
    ['with blank lines', (text: string) => text.replaceAll('\n', '\n\n')],
  ])('reads captions by split, %s', async (_, change) => {
    write('captions.txt', change(sameData[format]));
    expect(await readDataset(config({ format }), log)).toEqual(expected);
    expect(warnings).toEqual([]);
  });

  it('says what is wrong with the file as a whole', async () => {
    write('captions.txt', '');
    expect((await failure(config({ format }))).text).toBe('The captions file captions.txt is empty.');
    write('captions.txt', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3]));
    expect((await failure(config({ format }))).text).toMatch(/captions\.txt is no text file: .* offset 4/);
    write('captions.txt', Buffer.from(sameData[format], 'latin1'));
    const latin = await failure(config({ format }));
    expect(latin.text).toMatch(
      format === 'flickr-csv' ? /^captions\.txt:5: not UTF-8/ : /^captions\.txt:4: not/,
    );
    expect(latin.hint).toMatch(/iconv -f latin1/);
    write('captions.txt', Buffer.from('\uFEFF' + sameData[format], 'utf16le'));
    expect((await failure(config({ format }))).text).toMatch(/UTF-16/);
    rmSync(join(folder, 'captions.txt'));
    expect((await failure(config({ format }))).text).toBe('The captions file captions.txt does not exist.');
  });
});

describe('records that cannot be read', () => {
  it('CSV: all are listed with their lines; an open quote spoils only its own', async () => {
    write(
      'captions.txt',
      'image,caption\na.jpg,A dog, running\nb.jpg,"open quote\n,no name\nc.jpg,\nc.jpg,fine\nc.jpg,"x" y\nb.jpg',
    );
    const { text, hint } = await failure(config());
    expect(text.split('\n')).toEqual([
      '6 records of the captions file cannot be read:',
      '  captions.txt:2: 3 fields where the header has 2',
      expect.stringMatching(/^ {2}captions\.txt:3: Quote Not Closed/),
      '  captions.txt:4: the image name is empty',
      '  captions.txt:5: the caption of c.jpg is empty',
      expect.stringMatching(/^ {2}captions\.txt:7: Invalid Closing Quote/),
      '  captions.txt:8: 1 fields where the header has 2',
    ]);
    expect(hint).toMatch(/double quotes/);
  });

  it('CSV: a quote that runs on over several lines is no caption', async () => {
    write('captions.txt', 'image,caption\na.jpg,"one\nb.jpg,two"\nc.jpg,three\n');
    expect((await failure(config())).text).toMatch(/captions\.txt:2: .*\n {2}captions\.txt:3: /);
  });

  it('CSV: a file without the header is told apart', async () => {
    write('captions.txt', sameData['flickr-token']);
    const { text, hint } = await failure(config());
    expect(text).toBe('captions.txt:1: no header with the columns image and caption.');
    expect(hint).toMatch(/flickr-token/);
  });

  it('token: each kind, and the rest only counted beyond ten', async () => {
    const bad = ['a.jpg\tno number', 'a.jpg#0 no tab', '#1\tno name', 'a.jpg#1\t '];
    write('captions.txt', [...bad, ...Array(8).fill('x')].join('\n'));
    const lines = (await failure(config({ format: 'flickr-token' }))).text.split('\n');
    expect(lines.slice(0, 5)).toEqual([
      '12 records of the captions file cannot be read:',
      '  captions.txt:1: no #n after the image name',
      '  captions.txt:2: no tab between name#n and the caption',
      '  captions.txt:3: the image name is empty',
      '  captions.txt:4: the caption of a.jpg is empty',
    ]);
    expect(lines.length).toBe(12);
    expect(lines.at(-1)).toBe('  and 2 more');
  });
});

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
