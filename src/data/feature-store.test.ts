import {
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
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { imageSchema } from '../config/index.js';
import { silentLog, type Log } from '../core/index.js';
import { FeatureStore, type FeatureStoreOptions } from './feature-store.js';

const imageConfig = imageSchema.parse({ resize: [2, 2], crop: null, mean: [0, 0, 0], std: [1, 1, 1] });
let folder: string;
let encodedImages: number;
let lines: string[];

const log: Log = {
  ...silentLog,
  info: (line) => lines.push(line),
  warn: (line) => lines.push(line),
};

/** A 2x2 image of one grey value, so that its feature is known: four times (value / 255, -value / 255). */
async function writeGrey(name: string, value: number): Promise<void> {
  const background = { r: value, g: value, b: value };
  const image = sharp({ create: { width: 2, height: 2, channels: 3, background } });
  writeFileSync(join(folder, name), await image.png().toBuffer());
}

function options(images: string[], more: Partial<FeatureStoreOptions> = {}): FeatureStoreOptions {
  return {
    directory: join(folder, 'cache'),
    key: { encoder: 'toy', weightsHash: 'w1', stage: null, kind: 'map', image: imageConfig },
    images,
    imageDirectory: folder,
    imageConfig,
    featureShape: [4, 2],
    encode(pixels, count) {
      encodedImages += count;
      const features = new Float32Array(count * 8);
      for (let i = 0; i < count * 4; i++) {
        const grey = pixels[i * 3] / 255;
        features.set([grey, -grey], i * 2);
      }
      return features;
    },
    batchSize: 3,
    onBadImage: 'error',
    log,
    ...more,
  };
}

async function greyOf(store: FeatureStore, image: string): Promise<number> {
  const features = await store.read([image]);
  expect(features.length).toBe(8);
  for (let i = 0; i < 8; i++) expect(features[i]).toBe(i % 2 ? -features[0] : features[0]);
  // half precision has 11 significant bits: 255 * 2^-12 is below the distance of two grey values
  return Math.round(features[0] * 255);
}

/** Opens, checks that each image has its grey value, closes; returns how many images were encoded. */
async function openAndCheck(greys: Record<string, number>, more: Partial<FeatureStoreOptions> = {}) {
  encodedImages = 0;
  const store = await FeatureStore.openOrBuild(options(Object.keys(greys), more));
  for (const [name, value] of Object.entries(greys)) expect(await greyOf(store, name)).toBe(value);
  store.close();
  return encodedImages;
}

const storeFolder = () => join(folder, 'cache', readdirSync(join(folder, 'cache'))[0]);
const file = (name: string) => join(storeFolder(), name);

const greys: Record<string, number> = {};
for (let i = 0; i < 8; i++) greys[`image${i}.png`] = 10 + 20 * i;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'showtell-store-'));
  lines = [];
  encodedImages = 0;
  for (const [name, value] of Object.entries(greys)) await writeGrey(name, value);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('FeatureStore', () => {
  it('encodes each image once, in this run and later ones', async () => {
    expect(await openAndCheck(greys)).toBe(8);
    expect(await openAndCheck(greys)).toBe(0);
    expect(readdirSync(storeFolder()).sort()).toEqual(['journal.txt', 'shard-00000.f16', 'store.json']);
  });

  it('reads several images in the order asked for, repeated ones too', async () => {
    const store = await FeatureStore.openOrBuild(options(Object.keys(greys)));
    const order = ['image5.png', 'image0.png', 'image5.png'];
    const features = await store.read(order);
    expect(order.map((_, i) => Math.round(features[i * 8] * 255))).toEqual([110, 10, 110]);
    expect(store.has('image5.png')).toBe(true);
    await expect(store.read(['other.png'])).rejects.toThrow(/no image other\.png/);
    store.close();
  });

  it('keeps stores of different keys apart', async () => {
    await openAndCheck(greys);
    const key = { encoder: 'toy', weightsHash: 'w2', stage: null, kind: 'map' as const, image: imageConfig };
    expect(await openAndCheck(greys, { key })).toBe(8);
    expect(await openAndCheck(greys)).toBe(0);
  });

  it('encodes a changed file again, and no file that was only touched or copied', async () => {
    await openAndCheck(greys);
    await writeGrey('image3.png', 250);
    utimesSync(join(folder, 'image3.png'), 1, 1);
    utimesSync(join(folder, 'image4.png'), 2, 2);
    writeFileSync(join(folder, 'copy.png'), readFileSync(join(folder, 'image1.png')));
    const changed = { ...greys, 'image3.png': 250, 'copy.png': greys['image1.png'] };
    expect(await openAndCheck(changed)).toBe(1);
    expect(await openAndCheck(changed)).toBe(0);
  });

  it('goes on where an interrupted build stopped', async () => {
    const controller = new AbortController();
    const interrupted = options(Object.keys(greys), { signal: controller.signal });
    const { encode } = interrupted;
    interrupted.encode = (batch, count) => {
      if (encodedImages >= 3) controller.abort();
      return encode(batch, count);
    };
    await expect(FeatureStore.openOrBuild(interrupted)).rejects.toThrow(/abort/i);
    expect(readdirSync(storeFolder())).not.toContain('lock');
    expect(await openAndCheck(greys)).toBe(2); // of 8, two batches of 3 were done
  });

  it('survives a journal cut at any byte', async () => {
    await openAndCheck(greys);
    const journal = readFileSync(file('journal.txt'));
    for (let size = 0; size < journal.length; size += 97) {
      writeFileSync(file('journal.txt'), journal.subarray(0, size));
      const whole = journal.subarray(0, size).toString().split('\n').length - 1;
      // A cut right before a line feed leaves a whole line.
      const encoded = await openAndCheck(greys);
      expect([8 - whole, 8 - whole - 1]).toContain(encoded);
      expect(await openAndCheck(greys)).toBe(0);
    }
  });

  it('finds damaged and lost records when it is opened, and encodes them again', async () => {
    await openAndCheck(greys);
    const shard = readFileSync(file('shard-00000.f16'));
    expect(shard.length).toBe(8 * 16);
    shard[2 * 16 + 5] ^= 1;
    writeFileSync(file('shard-00000.f16'), shard);
    truncateSync(file('shard-00000.f16'), 7 * 16 + 9);
    expect(await openAndCheck(greys)).toBe(2);
    expect(lines.join('\n')).toMatch(/2 records .* are damaged/);
    expect(await openAndCheck(greys)).toBe(0);
  });

  it.each([
    ['{"format": "other"}', /its format is "other"/],
    ['{', /its store\.json is damaged/],
    ['null', /its format is undefined/],
  ])('refuses a folder whose store.json is %s', async (content, message) => {
    await openAndCheck(greys);
    writeFileSync(file('store.json'), content);
    await expect(openAndCheck(greys)).rejects.toThrow(message);
  });

  it('refuses another version and another shape by name', async () => {
    await openAndCheck(greys);
    const manifest = JSON.parse(readFileSync(file('store.json'), 'utf8'));
    writeFileSync(file('store.json'), JSON.stringify({ ...manifest, version: 9 }));
    await expect(openAndCheck(greys)).rejects.toThrow(/version is 9, this program reads 1/);
    writeFileSync(file('store.json'), JSON.stringify({ ...manifest, featureShape: [2, 4] }));
    await expect(openAndCheck(greys)).rejects.toThrow(/featureShape is \[2,4\], expected \[4,2\]/);
    rmSync(file('store.json'));
    await expect(openAndCheck(greys)).rejects.toThrow(/store\.json is missing/);
  });

  it('ends at a bad image, or leaves it out and counts it', async () => {
    writeFileSync(join(folder, 'broken.png'), 'no image');
    const images = ['image0.png', 'broken.png', 'absent.png', 'image1.png'];
    await expect(FeatureStore.openOrBuild(options(images))).rejects.toThrow(/broken\.png cannot be decoded/);
    const store = await FeatureStore.openOrBuild(options(images, { onBadImage: 'skip' }));
    expect(store.skipped.map(({ image }) => image)).toEqual(['broken.png', 'absent.png']);
    expect(store.has('broken.png')).toBe(false);
    expect(await greyOf(store, 'image1.png')).toBe(30);
    expect(lines).toContain('2 of 4 images were left out.');
    store.close();
    const none = options(['absent.png'], { onBadImage: 'skip' });
    await expect(FeatureStore.openOrBuild(none)).rejects.toThrow(/None of 1 images can be used/);
  });

  it('names the image whose features are not finite, and keeps the others', async () => {
    const encode = (pixels: Uint8Array, count: number) =>
      Float32Array.from({ length: count * 8 }, (_, i) => (pixels[Math.floor(i / 8) * 12] > 127 ? NaN : 1));
    const failing = FeatureStore.openOrBuild(options(Object.keys(greys), { encode }));
    await expect(failing).rejects.toThrow(/image6\.png are not finite/);
    expect(readFileSync(file('journal.txt'), 'utf8').trim().split('\n').length).toBe(6);
  });

  it('is built by one of two that start at the same time', async () => {
    const slow = options(Object.keys(greys));
    const { encode } = slow;
    slow.encode = async (batch, count) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return encode(batch, count);
    };
    const stores = await Promise.all([FeatureStore.openOrBuild(slow), FeatureStore.openOrBuild(slow)]);
    expect(encodedImages).toBe(8);
    for (const store of stores) {
      for (const [name, value] of Object.entries(greys)) expect(await greyOf(store, name)).toBe(value);
      store.close();
    }
    expect(lines.join('\n')).toMatch(/Another process .* builds this feature store/);
  });

  it('takes over the lock of a process that is gone', async () => {
    await openAndCheck({ 'image0.png': 10 });
    const { hostname } = await import('node:os');
    // Process ids end far below this one on every platform.
    writeFileSync(file('lock'), JSON.stringify({ pid: 2 ** 30, host: hostname(), token: 'x' }));
    expect(await openAndCheck(greys)).toBe(7);
    // The same id as ours, but not our lock: a reused process id.
    await writeGrey('image0.png', 99);
    writeFileSync(file('lock'), JSON.stringify({ pid: process.pid, host: hostname(), token: 'x' }));
    expect(await openAndCheck({ 'image0.png': 99 })).toBe(1);
  });

  describe('with images that were looked at already', () => {
    const known = { imageSet: 'a1b2' };
    const seal = () => file('checked-a1b2.pack');

    /** Changes a file of a store that was checked, and leaves it the time it had then. */
    async function changeUnseen(name: string, change: (bytes: Buffer) => void): Promise<void> {
      utimesSync(file(name), 1, 1);
      await openAndCheck(greys, known);
      const bytes = readFileSync(file(name));
      change(bytes);
      writeFileSync(file(name), bytes);
      utimesSync(file(name), 1, 1);
    }

    it('is not checked again, nor is its journal read', async () => {
      expect(await openAndCheck(greys)).toBe(8);
      await changeUnseen('journal.txt', (journal) => journal.fill('x'));
      // Who read it would encode everything again.
      expect(await openAndCheck(greys, known)).toBe(0);
      expect(await openAndCheck(greys)).toBe(8);
    });

    it.each(['journal.txt', 'shard-00000.f16'])('is checked when %s has changed', async (name) => {
      await openAndCheck(greys, known);
      const bytes = readFileSync(file(name));
      bytes[20] ^= 1;
      writeFileSync(file(name), bytes);
      utimesSync(file(name), 1, 1);
      expect(await openAndCheck(greys, known)).toBe(1);
      expect(await openAndCheck(greys, known)).toBe(0);
    });

    it('is checked when what was found is damaged, of other images or not there', async () => {
      await openAndCheck(greys, known);
      truncateSync(seal(), 100);
      expect(await openAndCheck(greys, known)).toBe(0);
      expect(statSync(seal()).size).toBeGreaterThan(100);
      await writeGrey('image3.png', 250);
      expect(await openAndCheck({ ...greys, 'image3.png': 250 }, { imageSet: 'a1b3' })).toBe(1);
    });

    it('notices a record that was damaged behind its back, and mends it the next time', async () => {
      await openAndCheck(greys);
      await changeUnseen('shard-00000.f16', (shard) => (shard[5 * 16] ^= 1));
      await expect(openAndCheck(greys, known)).rejects.toThrow(/record of image\d\.png .* damaged or lost/);
      expect(await openAndCheck(greys, known)).toBe(1);
    });

    it('leaves out what it left out before, and says so', async () => {
      writeFileSync(join(folder, 'broken.png'), 'no image');
      const images = ['image0.png', 'broken.png', 'image1.png'];
      for (let start = 0; start < 2; start++) {
        lines = [];
        const store = await FeatureStore.openOrBuild(options(images, { ...known, onBadImage: 'skip' }));
        expect(store.skipped.map(({ image }) => image)).toEqual(['broken.png']);
        expect(images.map((image) => store.has(image))).toEqual([true, false, true]);
        expect(await greyOf(store, 'image1.png')).toBe(30);
        expect(lines.at(-1)).toBe('1 of 3 images were left out.');
        store.close();
      }
      const strict = FeatureStore.openOrBuild(options(images, known));
      await expect(strict).rejects.toThrow(/broken\.png cannot be decoded/);
      // A file that could not be read may be of the same size and time when it can be.
      await writeGrey('broken.png', 70);
      const mended = await FeatureStore.openOrBuild(options(images, { ...known, onBadImage: 'skip' }));
      expect(mended.skipped).toEqual([]);
      expect(await greyOf(mended, 'broken.png')).toBe(70);
      mended.close();
    });
  });

  it('stops waiting for a lock when told to', async () => {
    await openAndCheck({ 'image0.png': 10 });
    writeFileSync(file('lock'), JSON.stringify({ pid: 1, host: 'another machine', token: 'x' }));
    const signal = AbortSignal.timeout(50);
    await expect(openAndCheck(greys, { signal })).rejects.toThrow(/timeout|abort/i);
    expect(readdirSync(storeFolder())).toContain('lock');
  });
});
