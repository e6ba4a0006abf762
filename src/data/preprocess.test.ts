import { describe, expect, it } from 'vitest';
import { imageSchema } from '../config/index.js';
import type { RgbImage } from './image.js';
import { imageSize, resizeAndCrop, stackPixels } from './preprocess.js';

const defaults = imageSchema.parse({});

/** Red counts columns, green counts rows. */
function ramp(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) data.set([i % width, Math.floor(i / width), 7], i * 3);
  return { width, height, data };
}

describe('resizeAndCrop, by the rules of torchvision', () => {
  // Expected sizes: int(256 * long / short) as torchvision's _compute_resized_output_size.
  it.each([
    [500, 375, 341, 256],
    [375, 500, 256, 341],
    [333, 500, 256, 384],
    [256, 300, 256, 300],
    [100, 100, 256, 256],
    [101, 997, 256, 2527],
  ])('Resize(256) of %ix%i gives %ix%i', (width, height, outWidth, outHeight) => {
    const result = resizeAndCrop(ramp(width, height), { ...defaults, crop: null });
    expect([result.width, result.height]).toEqual([outWidth, outHeight]);
  });

  // int(round((size - crop) / 2.0)) with Python's round: 0.5 -> 0, 1.5 -> 2, 2.5 -> 2, 3.5 -> 4.
  it.each([
    [11, 10, 0],
    [13, 10, 2],
    [15, 10, 2],
    [17, 10, 4],
    [18, 10, 4],
  ])('the centre crop of side %i to %i starts at %i', (size, crop, start) => {
    const result = resizeAndCrop(ramp(size, size + 1), { ...defaults, resize: [size + 1, size], crop });
    expect(result.data[0]).toBe(start);
    expect([result.width, result.height]).toEqual([crop, crop]);
  });

  it('pads a side that is too short with black, the odd pixel behind', () => {
    const white = { width: 3, height: 8, data: new Uint8Array(72).fill(255) };
    const result = resizeAndCrop(white, { ...defaults, resize: [8, 3], crop: 6 });
    const row = [0, 255, 255, 255, 0, 0].flatMap((v) => [v, v, v]);
    expect([...result.data]).toEqual(Array(6).fill(row).flat());
  });

  it('costs nothing when there is nothing to do', () => {
    const image = ramp(20, 10);
    expect(resizeAndCrop(image, { ...defaults, resize: [10, 20], crop: null })).toBe(image);
  });
});

describe('imageSize', () => {
  it('is the crop, or the pair', () => {
    expect(imageSize(defaults)).toEqual([224, 224]);
    expect(imageSize({ ...defaults, resize: [64, 96], crop: null })).toEqual([64, 96]);
  });

  it('refuses what leaves the size open', () => {
    expect(() => imageSize({ ...defaults, crop: null })).toThrow(/image\.resize 256 without image\.crop/);
  });
});

it('stackPixels refuses images of different sizes', () => {
  expect(stackPixels([ramp(2, 1), ramp(2, 1)])).toEqual(Uint8Array.of(0, 0, 7, 1, 0, 7, 0, 0, 7, 1, 0, 7));
  expect(() => stackPixels([ramp(2, 1), ramp(1, 2)])).toThrow('a batch of 2x1 images holds one of 1x2');
});
