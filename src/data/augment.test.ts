import { describe, expect, it } from 'vitest';
import { augmentSchema, imageSchema } from '../config/index.js';
import { Random } from '../core/index.js';
import { readGolden } from '../../tests/helpers.js';
import { augment, augments, enhance, flipped } from './augment.js';
import { resizeAndCrop } from './preprocess.js';

/** Pillow 12's ImageEnhance on pixels (5, 4, 3), in base64. */
const golden = readGolden('pillow_enhance.json') as {
  pixels: string;
  cases: { what: 'brightness' | 'contrast' | 'saturation'; factor: number; bytes: string }[];
};
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
const image = { width: 4, height: 5, data: bytes(golden.pixels) };

describe('enhance', () => {
  it.each(golden.cases)("$what by $factor gives Pillow's bytes", ({ what, factor, bytes: expected }) => {
    expect([...enhance(image, what, factor).data]).toEqual([...bytes(expected)]);
  });
});

describe('augment', () => {
  const imageConfig = imageSchema.parse({ resize: [6, 8], crop: null });
  const config = (changes: object) => augmentSchema.parse(changes);
  const draw = (changes: object, seed: number) =>
    augment(image, config(changes), imageConfig, Random.from(seed));
  const plain = resizeAndCrop(image, imageConfig);

  it('changes nothing by default', () => {
    expect(augments(config({}))).toBe(false);
    expect(draw({}, 1)).toEqual(plain);
  });

  it('mirrors all images, or a share of them', () => {
    expect(augments(config({ flip: 0.5 }))).toBe(true);
    expect(draw({ flip: 1 }, 1)).toEqual(flipped(plain));
    expect(flipped(flipped(plain))).toEqual(plain);
    const mirrored = Array.from({ length: 400 }, (_, seed) => draw({ flip: 0.25 }, seed)).filter(
      ({ data }) => !Buffer.from(data).equals(Buffer.from(plain.data)),
    );
    expect(mirrored.length).toBeGreaterThan(60); // 100 expected, standard deviation 9
    expect(mirrored.length).toBeLessThan(140);
  });

  it('gives crops of the usual size that depend on the seed alone', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 50; seed++) {
      const result = draw({ crop: 0.2, brightness: 0.3, contrast: 0.3, saturation: 0.3 }, seed);
      expect([result.width, result.height, result.data.length]).toEqual([8, 6, 144]);
      expect(draw({ crop: 0.2, brightness: 0.3, contrast: 0.3, saturation: 0.3 }, seed)).toEqual(result);
      seen.add(result.data.join());
    }
    expect(seen.size).toBe(50);
  });

  it('takes the largest central crop of a permitted ratio from an image that is too long', () => {
    const data = Uint8Array.from({ length: 100 * 3 }, (_, i) => Math.floor(i / 3));
    const line = { width: 100, height: 1, data };
    const square = imageSchema.parse({ resize: [1, 1], crop: null });
    const { data: pixel } = augment(line, config({ crop: 0.99 }), square, Random.from(1));
    expect([...pixel]).toEqual([49, 49, 49]);
  });
});
