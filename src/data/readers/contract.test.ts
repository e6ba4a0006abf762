/** One suite over all formats: the same data gives the same dataset, the same mistakes the same kind of message. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataSchema, type DataConfig } from '../../config/index.js';
import { silentLog, UserError, type Log } from '../../core/index.js';
import { readDataset, readSplit, type Dataset } from '../dataset.js';
import { captionReaders, splitNames, type SplitName } from './index.js';

interface Item {
  image: string;
  captions: string[];
}
type Data = Record<SplitName, Item[]>;
type Format = DataConfig['format'];

interface Variant {
  format: Format;
  /** What sets it apart from others of the format. */
  as: string;
  /** Text files by name, all below the folder of the data set. */
  files(data: Data): Record<string, string>;
  /** Beside `format` and `images`; the names are those of `files`. */
  config: { captions?: string | Partial<Record<SplitName, string>>; lists?: boolean };
  /** The image's name in the dataset; as it is in the data unless given. */
  name?(image: string, split: SplitName): string;
  /** The file's place on disk below `images`, if it is not the name. */
  onDisk?(image: string, split: SplitName): string;
}

const data: Data = {
  train: [
    { image: 'a.jpg', captions: ['One dog, running .', 'Two'] },
    { image: 'inner/b.jpg', captions: ['He said "hi" .'] },
  ],
  validation: [{ image: 'Ünï 狗.jpg', captions: ['Ü', 'Ü'] }],
  test: [{ image: 'd.jpg', captions: ['Four'] }],
};

const all = (given: Data) => splitNames.flatMap((split) => given[split].map((item) => ({ ...item, split })));
const quoted = (text: string) => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const csv = (head: string, items: Item[]) =>
  [
    head,
    ...items.flatMap(({ image, captions }) => captions.map((one) => `${quoted(image)},${quoted(one)}`)),
  ].join('\n');
const lists = (given: Data) =>
  Object.fromEntries(
    splitNames.map((split) => [`${split}.list`, given[split].map(({ image }) => image).join('\n')]),
  );
const eachSplit = (name: (split: SplitName) => string, text: (split: SplitName) => string) =>
  Object.fromEntries(splitNames.map((split) => [name(split), text(split)]));

const karpathy = (given: Data, names: Record<SplitName, string>, apart: boolean) =>
  JSON.stringify(
    {
      dataset: 'tiny',
      images: all(given).map(({ image, captions, split }, imgid) => ({
        imgid,
        ...(apart && image.includes('/')
          ? { filepath: dirname(image), filename: image.slice(dirname(image).length + 1) }
          : { filename: image }),
        split: names[split],
        sentences: captions.map((raw) => ({ raw, tokens: raw.split(' '), imgid })),
      })),
    },
    null,
    1,
  );
const coco = (items: Item[], first = 0) =>
  JSON.stringify(
    {
      info: { description: 'a "tiny" one \\', contributors: ['[', '}'] },
      images: items.map(({ image }, i) => ({ id: first + i, file_name: image })),
      annotations: items.flatMap(({ captions }, i) =>
        captions.map((caption) => ({ image_id: first + i, caption })),
      ),
    },
    null,
    1,
  );
const own = (image: string, split: SplitName) => `${split}/${image}`;

const variants: Variant[] = [
  {
    format: 'flickr-csv',
    as: 'one file',
    files: (given) => ({ 'captions.txt': csv('image,caption', all(given)), ...lists(given) }),
    config: { captions: 'captions.txt', lists: true },
  },
  {
    format: 'flickr-csv',
    as: 'a file for each split',
    files: (given) =>
      eachSplit(
        (split) => `${split}.csv`,
        (split) => csv('image,caption', given[split]),
      ),
    config: { captions: { train: 'train.csv', validation: 'validation.csv', test: 'test.csv' } },
  },
  {
    format: 'flickr-token',
    as: 'one file',
    files: (given) => ({
      'tokens.txt': all(given)
        .flatMap(({ image, captions }) => captions.map((one, n) => `${image}#${n}\t${one}`))
        .join('\n'),
      ...lists(given),
    }),
    config: { captions: 'tokens.txt', lists: true },
  },
  {
    format: 'karpathy-json',
    as: 'its own splits',
    files: (given) => ({
      'dataset.json': karpathy(given, { train: 'train', validation: 'val', test: 'test' }, false),
    }),
    config: { captions: 'dataset.json' },
  },
  {
    format: 'karpathy-json',
    as: 'restval and filepath',
    files: (given) => ({
      'dataset.json': karpathy(given, { train: 'restval', validation: 'val', test: 'test' }, true),
    }),
    config: { captions: 'dataset.json' },
  },
  {
    format: 'karpathy-json',
    as: 'lists that overrule it',
    files: (given) => ({
      'dataset.json': karpathy(given, { train: 'test', validation: 'train', test: 'val' }, true),
      ...lists(given),
    }),
    config: { captions: 'dataset.json', lists: true },
  },
  {
    format: 'coco-annotations',
    as: 'a file for each split',
    files: (given) =>
      eachSplit(
        (split) => `annotations/${split}.json`,
        (split) => coco(given[split], 100 * splitNames.indexOf(split)),
      ),
    config: {
      captions: {
        train: 'annotations/train.json',
        validation: 'annotations/validation.json',
        test: 'annotations/test.json',
      },
    },
  },
  {
    format: 'coco-annotations',
    as: 'one file and lists',
    files: (given) => ({ 'all.json': coco(all(given)), ...lists(given) }),
    config: { captions: 'all.json', lists: true },
  },
  {
    format: 'imagefolder',
    as: 'metadata.csv and lists',
    files: (given) => ({ 'images/metadata.csv': csv('file_name,text', all(given)), ...lists(given) }),
    config: { lists: true },
  },
  {
    format: 'imagefolder',
    as: 'metadata.csv above the folders of the splits',
    files: (given) => ({
      'images/metadata.csv': csv(
        'file_name,caption',
        all(given).map(({ image, captions, split }) => ({ image: image && own(image, split), captions })),
      ),
    }),
    config: {},
    name: own,
  },
  {
    format: 'imagefolder',
    as: 'metadata.jsonl in the folder of each split',
    files: (given) =>
      eachSplit(
        (split) => `images/${split}/metadata.jsonl`,
        (split) =>
          given[split]
            .map(({ image, captions }) => JSON.stringify({ file_name: image, captions }))
            .join('\n'),
      ),
    config: {},
    name: own,
  },
];

let folder: string;
let warnings: string[];
const log: Log = { ...silentLog, warn: (line) => warnings.push(line) };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'showtell-readers-'));
  warnings = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), content);
}

it('covers every format', () => {
  expect(new Set(variants.map(({ format }) => format))).toEqual(new Set(Object.keys(captionReaders)));
});

describe.each(variants)('$format, $as', (variant) => {
  const nameOf = variant.name ?? ((image: string) => image);
  const expected = Object.fromEntries(
    splitNames.map((split) => [
      split,
      data[split].map(({ image, captions }) => ({ image: nameOf(image, split), captions })),
    ]),
  ) as unknown as Dataset;

  function writeImages(): void {
    for (const { image, split } of all(data)) write(join('images', nameOf(image, split)), image);
  }
  function writeData(given: Data, change = (text: string) => text): void {
    for (const [name, text] of Object.entries(variant.files(given))) write(name, change(text));
  }
  function config(more: Partial<DataConfig> = {}): DataConfig {
    const { captions, lists: listed } = variant.config;
    const at = (name: string) => join(folder, name);
    return dataSchema.parse({
      format: variant.format,
      images: at('images'),
      ...(typeof captions === 'string' && { captions: at(captions) }),
      ...(typeof captions === 'object' && {
        captions: Object.fromEntries(Object.entries(captions).map(([split, name]) => [split, at(name)])),
      }),
      ...(listed && { splits: eachSplit(String, (split) => at(`${split}.list`)) }),
      ...more,
    });
  }
  async function failure(given = config()): Promise<{ text: string; hint?: string }> {
    try {
      await readDataset(given, log);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { text: error.message.replaceAll(folder + '/', ''), hint: error.hint };
    }
    throw new Error('nothing went wrong');
  }
  /** The file that holds the training captions. */
  const captionsFile = () => {
    const { captions } = variant.config;
    const named = typeof captions === 'object' ? captions.train : captions;
    return named ?? Object.keys(variant.files(data)).find((name) => name.includes('metadata'))!;
  };

  it.each([
    ['as it is', (text: string) => text],
    ['with Windows line ends', (text: string) => text.replaceAll('\n', '\r\n')],
    ['with a byte order mark', (text: string) => '\uFEFF' + text],
    ['with blank lines and a last line end', (text: string) => text.replaceAll('\n', '\n\n') + '\n'],
  ])('gives the same dataset, %s', async (_, change) => {
    writeImages();
    writeData(data, change);
    expect(await readDataset(config(), log)).toEqual(expected);
    for (const split of splitNames) expect(await readSplit(config(), split, log)).toEqual(expected[split]);
    expect(warnings).toEqual([]);
  });

  it('lists all broken records together', async () => {
    writeImages();
    writeData({
      ...data,
      train: [
        { image: 'a.jpg', captions: ['fine'] },
        { image: 'inner/b.jpg', captions: [''] },
        { image: '', captions: ['of nothing'] },
      ],
    });
    const { text, hint } = await failure();
    const [first, ...rest] = text.split('\n');
    expect(first).toBe('2 records of the captions file cannot be read:');
    expect(rest).toHaveLength(2);
    for (const why of ['b.jpg is empty', 'the image name is empty']) {
      expect(rest.filter((line) => line.includes(why))).toHaveLength(1);
    }
    const file = captionsFile();
    for (const line of rest) expect(line.startsWith(`  ${file}:`), line).toBe(true);
    expect(hint).toContain(`Accepted (data.format: ${variant.format}): `);
  });

  it('says what is wrong with the file as a whole', async () => {
    writeImages();
    writeData(data);
    const file = captionsFile();
    const good = readFileSync(join(folder, file), 'utf8');
    write(file, '');
    expect((await failure()).text).toBe(`The captions file ${file} is empty.`);
    write(file, Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3]));
    expect((await failure()).text).toContain(`${file} is no text file`);
    write(file, Buffer.from(good.replace('Two', 'Zwö'), 'latin1'));
    const latin = await failure();
    expect(latin.text).toMatch(/:\d+: not UTF-8/);
    expect(latin.hint).toMatch(/iconv -f latin1/);
    write(file, Buffer.from('\uFEFF' + good, 'utf16le'));
    expect((await failure()).text).toMatch(/UTF-16/);
    write(file, variant.format === 'flickr-csv' ? 'name,text\n' : '[1, 2');
    expect((await failure()).text).toContain(file);
    rmSync(join(folder, file));
    expect((await failure()).text).toMatch(/does not exist|holds no metadata|No image of .* the train split/);
  });

  it('names images that are not on disk, or leaves them out where the config says so', async () => {
    writeImages();
    writeData(data);
    const missing = nameOf('inner/b.jpg', 'train');
    rmSync(join(folder, 'images', missing));
    expect((await failure()).text).toBe(`1 of 2 images of the train split are not in images: ${missing}.`);
    const dataset = await readDataset(config({ onBadImage: 'skip' }), log);
    expect(dataset).toEqual({ ...expected, train: expected.train.slice(0, 1) });
    expect(warnings).toHaveLength(1);
  });

  it('finds the same content in two splits', async () => {
    writeImages();
    writeData(data);
    write(join('images', nameOf('Ünï 狗.jpg', 'validation')), 'a.jpg'); // the content of the other
    expect((await failure()).text).toMatch(/^1 images are in more than one split: .*a\.jpg \(train\) = /);
  });
});
