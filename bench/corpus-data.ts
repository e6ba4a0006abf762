/** A made-up data set of any size: captions, empty image files, and a feature store of random numbers. */
import {
  createWriteStream,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { crc32 } from 'node:zlib';
import type { Config } from '../src/config/index.js';
import { Random, toHalf } from '../src/core/index.js';
import { Journal, type StoredImage } from '../src/data/store-journal.js';
import type { Manifest } from '../src/data/store-manifest.js';
import { Shards } from '../src/data/store-shards.js';
import { drawPhotos, syntheticConfig, syntheticWords, targetLengths } from './synthetic.js';

export const CAPTIONS = 5;
/** Images of the validation split, besides. */
const VALIDATION = 100;
const PER_FOLDER = 1000;
const VOCABULARY = 2531;

/** As the training is to be: a small LSTM, so that reading counts for more than it would with a large decoder. */
export function corpusConfig(folder: string, photos = false): Config {
  const at = (name: string) => join(folder, photos ? 'photos' : '', name);
  const base = syntheticConfig(
    { type: 'lstm', embedding: 64, hidden: 64 },
    {
      images: at('images'),
      training: { epochs: 1, batchSize: 32, captions: 'all', logEvery: 200, saveEvery: 1000 },
    },
  );
  return {
    ...base,
    output: at('out'),
    encoder: { ...base.encoder, weights: 'none' },
    data: {
      ...base.data,
      captions: at('captions.csv'),
      splits: { train: at('train.txt'), validation: at('validation.txt') },
    },
  };
}

const folderOf = (image: number) => String(Math.floor(image / PER_FOLDER)).padStart(5, '0');
const fileOf = (image: number) => `${String(image % PER_FOLDER).padStart(3, '0')}.jpg`;
const nameOf = (image: number) => `${folderOf(image)}/${fileOf(image)}`;

/** Two photos, whose features a training of `corpusConfig(folder, true)` is to put into the store. */
export async function writePhotos(folder: string): Promise<void> {
  const at = (name: string) => join(folder, 'photos', name);
  mkdirSync(at('images'), { recursive: true });
  await drawPhotos(at('images'), 2);
  const names = readdirSync(at('images')).sort();
  const words = syntheticWords(VOCABULARY).join(' ');
  const captions = names.map((name) => `${name},${`${words} `.repeat(5)}`);
  writeFileSync(at('captions.csv'), `image,caption\n${captions.join('\n')}\n`);
  writeFileSync(at('train.txt'), names[0]);
  writeFileSync(at('validation.txt'), names[1]);
}

/** Captions, lists and files of `count` training images and a few for validation. */
export async function writeDataset(folder: string, count: number): Promise<void> {
  const at = (name: string) => join(folder, name);
  const all = count + VALIDATION;
  const words = syntheticWords(VOCABULARY);
  const lengths = targetLengths();
  const random = Random.from('bench/corpus');
  const captions = createWriteStream(at('captions.csv'));
  captions.write('image,caption\n');
  for (let image = 0; image < all; image++) {
    const name = nameOf(image);
    let lines = '';
    for (let caption = 0; caption < CAPTIONS; caption++) {
      const said = Array.from({ length: random.pick(lengths) - 1 }, () => random.pick(words));
      lines += `${name},${said.join(' ')}\n`;
    }
    if (!captions.write(lines)) await once(captions, 'drain');
  }
  captions.end();
  writeImages(at('images'), count);
  await once(captions, 'close');
  const names = Array.from({ length: all }, (_, image) => nameOf(image));
  writeFileSync(at('train.txt'), names.slice(0, count).join('\n'));
  writeFileSync(at('validation.txt'), names.slice(count).join('\n'));
}

/**
 * Empty files, which nothing reads. A million would take minutes: the folders of the training images are links to one.
 * Those of the validation split have another size, so that none counts as shared.
 */
function writeImages(folder: string, count: number): void {
  const write = (images: string, size: number) => {
    mkdirSync(join(folder, images), { recursive: true });
    for (let i = 0; i < PER_FOLDER; i++) writeFileSync(join(folder, images, fileOf(i)), '-'.repeat(size));
  };
  write(folderOf(0), 0);
  for (let image = PER_FOLDER; image < count; image += PER_FOLDER) {
    symlinkSync(folderOf(0), join(folder, folderOf(image)));
  }
  write(folderOf(count), 1);
}

/** Adds made-up features of all images to the one store in `cache`. */
export function fillStore(folder: string, cache: string, count: number): void {
  const [name] = readdirSync(join(cache, 'features'));
  const store = join(cache, 'features', name);
  const manifest = JSON.parse(readFileSync(join(store, 'store.json'), 'utf8')) as Manifest;
  const { recordBytes, recordsPerShard } = manifest;
  const shards = new Shards(store, recordBytes, recordsPerShard);
  const journal = Journal.read(join(store, 'journal.txt'));
  const numbers = new Uint16Array(recordBytes);
  const random = Random.from('bench/corpus features');
  toHalf(
    Float32Array.from(numbers, () => random.next()),
    numbers,
  );
  let entries: StoredImage[] = [];
  let position = journal.end;
  for (let image = 0; image < count + VALIDATION; image++) {
    const path = join(folder, 'images', nameOf(image));
    const { size, mtimeMs } = statSync(path);
    const start = 2 * random.integer(recordBytes / 2);
    const record = new Uint8Array(numbers.buffer, start, recordBytes);
    shards.write(position, record);
    const hash = String(image).padStart(64, '0');
    entries.push({ path, size, mtimeMs, hash, position: position++, crc: crc32(record) });
    if (entries.length < 10_000) continue;
    journal.append(entries);
    entries = [];
  }
  shards.sync();
  shards.close();
  journal.append(entries);
}
