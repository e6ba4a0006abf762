import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { sharedPath } from '../../../tests/helpers.js';
import { Random } from '../../core/index.js';
import { decodeImage, type RgbImage } from '../image.js';
import { distance, fingerprint, NEAR_BITS } from './fingerprint.js';
import { nearGroups } from './near-groups.js';

/** Grey levels of a picture, 3 bytes each. */
function picture(width: number, height: number, level: (x: number, y: number) => number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.fill(level(x, y), (y * width + x) * 3, (y * width + x) * 3 + 3);
  }
  return { width, height, data };
}
const bits = (print: Uint32Array) => Array.from({ length: 128 }, (_, i) => (print[i >> 5] >>> (i & 31)) & 1);

/** Something like a photo: smooth patches that depend on the seed. */
function scene(seed: string): Sharp {
  const random = Random.from(seed);
  const patches = Array.from({ length: 8 * 6 }, () => {
    const level = 30 + Math.floor(random.next() * 196);
    return [level, level + random.next() * 30, level - random.next() * 30];
  });
  const small = Buffer.from(patches.flat());
  const raw = { width: 8, height: 6, channels: 3 as const };
  return sharp(small, { raw }).resize(160, 120, { kernel: 'cubic' });
}
const printOf = async (image: Sharp) => fingerprint(await decodeImage(await image.png().toBuffer()))!;

describe('fingerprint', () => {
  it('has a bit for each step into the dark, by rows and by columns', () => {
    expect(bits(fingerprint(picture(90, 45, (x) => 250 - 2 * x))!)).toEqual([
      ...Array<number>(64).fill(1),
      ...Array<number>(64).fill(0),
    ]);
    expect(bits(fingerprint(picture(45, 90, (_, y) => 250 - 2 * y))!)).toEqual([
      ...Array<number>(64).fill(0),
      ...Array<number>(64).fill(1),
    ]);
    // One dark cell of a picture with a pixel a cell: row 3, column 2.
    const print = bits(fingerprint(picture(9, 9, (x, y) => (x === 2 && y === 3 ? 0 : 200)))!);
    expect(print.flatMap((bit, i) => (bit ? [i] : []))).toEqual([3 * 8 + 1, 64 + 2 * 8 + 2]);
  });

  it('is none of a plain picture, and takes one smaller than its grid', () => {
    expect(fingerprint(picture(20, 20, (x) => 100 + (x % 2)))).toBeNull();
    expect(fingerprint(picture(1, 1, () => 7))).toBeNull();
    expect(fingerprint(picture(2, 1, (x) => 200 * x))).not.toBeNull();
  });

  it('stays near when a picture is compressed, scaled or made grey, and no other is near', async () => {
    const seeds = Array.from({ length: 8 }, (_, i) => `scene ${i}`);
    const prints = await Promise.all(seeds.map((seed) => printOf(scene(seed))));
    for (const [i, seed] of seeds.entries()) {
      const original = sharp(await scene(seed).png().toBuffer());
      const changed = [
        sharp(await original.clone().jpeg({ quality: 60 }).toBuffer()),
        original.clone().resize(80),
        original.clone().greyscale(),
      ];
      for (const each of changed)
        expect(distance(prints[i], await printOf(each))).toBeLessThanOrEqual(NEAR_BITS);
      expect(distance(prints[i], await printOf(original.clone().flop()))).toBeGreaterThan(NEAR_BITS);
    }
    prints.forEach((a, i) =>
      prints.forEach((b, j) => i < j && expect(distance(a, b)).toBeGreaterThan(NEAR_BITS)),
    );
  });
});

describe('nearGroups', () => {
  const random = Random.from('near groups');
  const any = () => Uint32Array.from({ length: 4 }, () => Math.floor(random.next() * 2 ** 32));
  const flipped = (print: Uint32Array, bitCount: number) => {
    const result = print.slice();
    const at = new Set<number>();
    while (at.size < bitCount) at.add(Math.floor(random.next() * 128));
    for (const bit of at) result[bit >> 5] ^= 1 << (bit & 31);
    return result;
  };

  it('finds what comparing every pair finds', () => {
    for (let round = 0; round < 20; round++) {
      const prints: (Uint32Array | null)[] = [];
      for (let i = 0; i < 40; i++) {
        const base = prints[Math.floor(random.next() * prints.length)];
        prints.push(
          i % 9 === 8
            ? null
            : base && random.next() < 0.5
              ? flipped(base, Math.floor(random.next() * 15))
              : any(),
        );
      }
      expect(nearGroups(prints).map(String).sort()).toEqual(bruteForce(prints).map(String).sort());
    }
  });

  it('counts 10 bits as near and 11 as not, wherever they are', () => {
    for (let round = 0; round < 200; round++) {
      const print = any();
      expect(nearGroups([print, flipped(print, 10)])).toEqual([[0, 1]]);
      expect(nearGroups([print, flipped(print, 11)])).toEqual([]);
    }
  });

  it('takes many equal ones as one', () => {
    const print = any();
    expect(nearGroups(Array.from({ length: 20_000 }, () => print))[0]).toHaveLength(20_000);
  });

  /** What is connected when every pair is compared. */
  function bruteForce(prints: (Uint32Array | null)[]): number[][] {
    const group = prints.map((_, i) => i);
    for (const [i, a] of prints.entries()) {
      for (const [j, b] of prints.entries()) {
        if (!a || !b || distance(a, b) > NEAR_BITS || group[i] === group[j]) continue;
        const [from, to] = [group[j], group[i]];
        group.forEach((each, k) => each === from && (group[k] = to));
      }
    }
    return [...new Set(group)]
      .map((each) => group.flatMap((other, k) => (other === each ? [k] : [])))
      .filter(({ length }) => length > 1);
  }
});

const photos = sharedPath('datasets', 'flickr8k', 'images');

it.skipIf(!photos)(
  'of photos: 98 in 100 stay near through what happens to copies (needs the shared data set)',
  async () => {
    const names = readdirSync(photos!).filter((_, i) => i % 70 === 0);
    const prints = await Promise.all(names.map((name) => printOf(sharp(join(photos!, name)))));
    const changes: Record<string, (image: Sharp) => Sharp | Promise<Sharp>> = {
      compressed: async (image) => sharp(await image.jpeg({ quality: 20 }).toBuffer()),
      half: (image) => image.resize(112),
      grey: (image) => image.greyscale(),
      brighter: (image) => image.modulate({ brightness: 1.15 }),
    };
    for (const [change, apply] of Object.entries(changes)) {
      let near = 0;
      for (const [i, name] of names.entries()) {
        const changed = await printOf(await apply(sharp(join(photos!, name))));
        if (distance(prints[i], changed) <= NEAR_BITS) near++;
      }
      expect(near / names.length, change).toBeGreaterThanOrEqual(0.98);
    }
    expect(nearGroups(prints)).toEqual([]);
  },
);
