import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataSchema, textSchema, type DataConfig, type TextConfig } from '../../config/index.js';
import { silentLog, type Log } from '../../core/index.js';
import { readDataset } from '../dataset.js';
import { tokenize } from '../tokenize.js';
import { EOS, Vocabulary } from '../vocabulary.js';
import { openCorpus, type Corpus } from './corpus.js';

let folder: string;
let lines: string[];
const log: Log = {
  ...silentLog,
  info: (line) => lines.push(line),
  warn: (line) => lines.push(line),
};
const at = (name: string) => join(folder, name);
const text: TextConfig = textSchema.parse({ minCount: 1, maxWords: 4 });

function data(more: object = {}): DataConfig {
  return dataSchema.parse({
    format: 'flickr-csv',
    captions: at('captions.csv'),
    images: at('images'),
    splits: { train: at('train.txt'), validation: at('validation.txt') },
    ...more,
  });
}

function writeCaptions(first = 'A dog runs .'): void {
  writeFileSync(
    at('captions.csv'),
    `image,caption\na.jpg,${first}\na.jpg,"Größe, 3"\na.jpg,one two three four five\nsub/b.jpg,...\nc.jpg,A cat\nc.jpg,the dog\nd.jpg,a bird\n`,
  );
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'showtell-corpus-'));
  lines = [];
  mkdirSync(at('images/sub'), { recursive: true });
  for (const name of ['a.jpg', 'sub/b.jpg', 'c.jpg', 'd.jpg']) writeFileSync(at(`images/${name}`), name);
  writeCaptions();
  writeFileSync(at('train.txt'), 'a.jpg\nsub/b.jpg\nc.jpg\n');
  writeFileSync(at('validation.txt'), 'd.jpg\n');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const packs = () => readdirSync(at('cache/captions'));
const packed = () => at(`cache/captions/${packs()[0]}`);

async function open<T>(work: (corpus: Corpus) => T, settings = { data: data(), text }): Promise<T> {
  const corpus = await openCorpus(settings, { log, cacheDirectory: at('cache') });
  try {
    return work(corpus);
  } finally {
    corpus.close();
  }
}

/** Whether opening it made the pack anew. */
async function isMadeAnew(settings?: { data: DataConfig; text: TextConfig }): Promise<boolean> {
  const before = statSync(packed()).ino;
  await open(() => {}, settings);
  return statSync(packed()).ino !== before;
}

it('holds what the files hold, when it is made and when it is found', async () => {
  const { train, validation } = await readDataset(data(), silentLog);
  const tokens = train.flatMap(({ captions }) => captions.map((caption) => tokenize(caption, 'letters')));
  const vocabulary = Vocabulary.build(tokens, text);
  const ids = (words: string) => vocabulary.encode(words.split(' '));
  for (let start = 0; start < 2; start++) {
    lines = [];
    await open((corpus) => {
      expect(corpus.vocabulary.words).toEqual(vocabulary.words);
      expect([...corpus.train]).toEqual(train);
      expect(corpus.validation).toEqual(validation);
      expect([corpus.train.length, corpus.train.captions]).toEqual([3, 6]);
      expect([...corpus.images]).toEqual(['a.jpg', 'sub/b.jpg', 'c.jpg', 'd.jpg']);
      const examples = corpus.examples();
      expect([...examples.listed()]).toEqual([
        {
          image: 'a.jpg',
          captions: [[...ids('a dog runs'), EOS], [...ids('gre'), EOS], ids('one two three four')],
        },
        {
          image: 'c.jpg',
          captions: [
            [...ids('a cat'), EOS],
            [...ids('the dog'), EOS],
          ],
        },
      ]);
      expect([...examples.first]).toEqual([0, 3, 3]);
      expect([...examples.counts]).toEqual([3, 0, 2]);
      expect(examples.name(2)).toBe('c.jpg');
      expect(examples.targets(4)).toEqual([...ids('the dog'), EOS]);
    });
    expect(lines).toEqual([
      expect.stringMatching(/^vocabulary: 15 entries; it covers 100.0 % of the training words and 50.0 %/),
      expect.stringMatching(
        /^1 captions have no word .*"\.\.\." of sub\/b\.jpg; 1 images have no caption left/,
      ),
      expect.stringMatching(/^1 captions are longer than 4 words/),
    ]);
  }
});

it('gives the images that can be used, and what is trained on of them', async () => {
  await open((corpus) => {
    const { kept, others } = corpus.train.only((image) => image !== 'a.jpg');
    expect(others).toEqual(['a.jpg']);
    expect([...kept]).toEqual([...corpus.train].slice(1));
    expect([kept.length, kept.captions]).toEqual([2, 3]);
    const examples = corpus.examples(kept);
    expect([...examples.first]).toEqual([3, 3]);
    expect([...examples.counts]).toEqual([0, 2]);
    expect([...examples.listed()]).toEqual([...corpus.examples().listed()].slice(1));
    const again = kept.only((image) => image !== 'sub/b.jpg').kept;
    expect([...again.imageNames()]).toEqual(['c.jpg']);
    expect(again.captionsOf(0)).toEqual(['A cat', 'the dog']);
    expect(corpus.train.only(() => true).kept).toBe(corpus.train);
  });
});

describe('is made anew', () => {
  beforeEach(() => open(() => {}));

  it('not while all is as it was, or only touched', async () => {
    expect(await isMadeAnew()).toBe(false);
    utimesSync(at('captions.csv'), 1, 1);
    expect(await isMadeAnew()).toBe(false);
    writeFileSync(at('images/other.txt'), 'changes the time of the folder');
    expect(await isMadeAnew()).toBe(false);
  });

  it('not for the same paths from another working directory', async () => {
    const here = relative('.', at('captions.csv'));
    expect(await isMadeAnew({ data: data({ captions: here }), text })).toBe(false);
    expect(packs()).toHaveLength(1);
  });

  it('for other captions, also of the same length', async () => {
    writeCaptions('A cow runs .');
    expect(await isMadeAnew()).toBe(true);
    expect(await open(({ train }) => train.captionsOf(0)[0])).toBe('A cow runs .');
    expect(packs()).toHaveLength(1);
  });

  it('for another list', async () => {
    writeFileSync(at('train.txt'), 'a.jpg\nc.jpg\n');
    expect(await isMadeAnew()).toBe(true);
    expect(await open(({ train }) => train.length)).toBe(2);
  });

  it('for an image that was changed in place', async () => {
    const before = await open(({ imageSet }) => imageSet);
    writeFileSync(at('images/sub/b.jpg'), 'other');
    expect(await isMadeAnew()).toBe(true);
    expect(await open(({ imageSet }) => imageSet)).not.toBe(before);
  });

  it('where it is damaged, and says so once', async () => {
    truncateSync(packed(), statSync(packed()).size - 50);
    lines = [];
    expect(await isMadeAnew()).toBe(true);
    expect(lines.filter((line) => /is damaged: .*captions are read again/.test(line))).toHaveLength(1);
    lines = [];
    expect(await isMadeAnew()).toBe(false);
    expect(lines.join()).not.toMatch(/damaged/);
  });

  it('beside the other for other settings', async () => {
    const size = await open(({ vocabulary }) => vocabulary.size, {
      data: data(),
      text: { ...text, tokenizer: 'words' },
    });
    expect(size).toBe(16); // "größe" whole, and "3"
    expect(packs()).toHaveLength(2);
  });

  it('with the error that reading gives, where an image is gone', async () => {
    rmSync(at('images/c.jpg'));
    await expect(isMadeAnew()).rejects.toThrow(/1 of 3 images of the train split are not in .*: c\.jpg/);
  });
});

it('notices when an image that was left out is there', async () => {
  const settings = { data: data({ onBadImage: 'skip' }), text };
  rmSync(at('images/c.jpg'));
  for (let start = 0; start < 2; start++) {
    lines = [];
    expect(await open(({ train }) => train.length, settings)).toBe(2);
    expect(lines[0]).toMatch(/1 of 3 images .*c\.jpg\. They are left out/);
  }
  writeFileSync(at('images/c.jpg'), 'c');
  expect(await open(({ train }) => train.length, settings)).toBe(3);
});

it('notices captions of the same length, although the time of their file was set back', async () => {
  const wordsOf = ({ vocabulary }: Corpus) => vocabulary.words.join(' ');
  const { mtime } = statSync(at('captions.csv'));
  expect(await open(wordsOf)).toContain('dog');
  writeCaptions('A cow runs .');
  utimesSync(at('captions.csv'), mtime, mtime);
  expect(await open(wordsOf)).toContain('cow');
});

it('reads on where the name of a missing image is too long for a file', async () => {
  const settings = { data: data({ onBadImage: 'skip' }), text };
  const long = `${'x'.repeat(300)}.jpg`;
  writeFileSync(at('captions.csv'), `${long},too long\n`, { flag: 'a' });
  writeFileSync(at('train.txt'), `${long}\n`, { flag: 'a' });
  for (let start = 0; start < 2; start++) {
    expect(await open(({ train }) => train.length, settings)).toBe(3);
    writeFileSync(at('images/new.txt'), ''); // every file is looked at
  }
});

it('notices one in a folder that no other image is in', async () => {
  const settings = { data: data({ onBadImage: 'skip' }), text };
  writeFileSync(at('images/sub/more.jpg'), 'more');
  rmSync(at('images/sub/b.jpg'));
  for (let start = 0; start < 2; start++) expect(await open(({ train }) => train.length, settings)).toBe(2);
  writeFileSync(at('images/sub/b.jpg'), 'b');
  expect(await open(({ train }) => train.length, settings)).toBe(3);
});

it('is whole or not there', async () => {
  // An image in both splits ends it.
  writeFileSync(at('validation.txt'), 'd.jpg\na.jpg\n');
  await expect(open(() => {})).rejects.toThrow(/in more than one split/);
  expect(packs()).toEqual([]);
  writeFileSync(at('validation.txt'), 'd.jpg\n');
  await open(() => {});
  const [name] = packs();
  // What a process left that was killed while it wrote; process ids end far below this one.
  const left = `.${name}.${2 ** 30}.0123abcd.tmp`;
  writeFileSync(at(`cache/captions/${left}`), 'half');
  writeCaptions('A cow .');
  await open(() => {});
  expect(packs()).toEqual([name]);
});

it('is made once by two that start at the same time', async () => {
  const both = [0, 1].map(() => open(({ train }) => [...train]));
  const [one, other] = await Promise.all(both);
  expect(one).toEqual(other);
  expect(packs()).toHaveLength(1);
  expect(lines.join('\n')).toMatch(/Another process .* prepares these captions/);
});

it('says where it cannot be written', async () => {
  mkdirSync(at('cache'));
  writeFileSync(at('cache/captions'), 'a file');
  await expect(open(() => {})).rejects.toThrow(/captions cannot be packed into .*cache.captions/);
  expect(existsSync(at('cache/captions')) && readFileSync(at('cache/captions'), 'utf8')).toBe('a file');
});
