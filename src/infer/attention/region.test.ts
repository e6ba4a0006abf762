import { describe, expect, it } from 'vitest';
import { imageSchema, type ImageConfig } from '../../config/index.js';
import { Random } from '../../core/index.js';
import { placeImage, resizeAndCrop } from '../../data/index.js';
import { asFractions, cellRegion, coversPhoto, seenRegion } from './region.js';

const defaults = imageSchema.parse({}); // shorter side 256, crop 224

describe('seenRegion', () => {
  // By hand: 500x375 becomes 341x256; of 341 columns 224 are kept from the 58th (58.5 rounds to even), of 256 rows
  // 224 from the 16th.
  it('undoes resize and crop of a landscape, a portrait and a square', () => {
    const landscape = seenRegion({ width: 500, height: 375 }, defaults);
    expect(landscape.left).toBeCloseTo((58 / 341) * 500, 10);
    expect(landscape.width).toBeCloseTo((224 / 341) * 500, 10);
    expect([landscape.top, landscape.height]).toEqual([23.4375, 328.125]);

    const portrait = seenRegion({ width: 375, height: 500 }, defaults);
    expect([portrait.left, portrait.width]).toEqual([landscape.top, landscape.height]);
    expect([portrait.top, portrait.height]).toEqual([landscape.left, landscape.width]);

    const square = seenRegion({ width: 512, height: 512 }, defaults);
    expect(square).toEqual({ left: 32, top: 32, width: 448, height: 448 });
    expect(asFractions(square, { width: 512, height: 512 })).toEqual({
      left: 1 / 16,
      top: 1 / 16,
      width: 7 / 8,
      height: 7 / 8,
    });
  });

  it('is the photo, to the last digit, when nothing is cropped', () => {
    const random = Random.from('whole photos');
    for (let i = 0; i < 200; i++) {
      const photo = { width: random.integer(3000) + 1, height: random.integer(3000) + 1 };
      const region = seenRegion(photo, { ...defaults, resize: [224, 299], crop: null });
      expect(region).toEqual({ left: 0, top: 0, ...photo });
      expect(coversPhoto(region, photo)).toBe(true);
    }
  });

  it('reaches beyond a photo that the crop pads, the odd pixel behind', () => {
    const photo = { width: 100, height: 50 };
    const region = seenRegion(photo, { ...defaults, resize: [32, 32], crop: 64 });
    expect(region).toEqual({ left: -50, top: -25, width: 200, height: 100 });
    expect(coversPhoto(region, photo)).toBe(true);
    const odd = seenRegion({ width: 3, height: 8 }, { ...defaults, resize: [8, 3], crop: 6 });
    expect(odd).toEqual({ left: -1, top: 1, width: 6, height: 6 });
    expect(coversPhoto(odd, { width: 3, height: 8 })).toBe(false);
  });

  it('is the inverse of resize and crop at random points of random photos', () => {
    const random = Random.from('points');
    for (let i = 0; i < 500; i++) {
      const photo = { width: random.integer(2000) + 1, height: random.integer(2000) + 1 };
      const config = randomConfig(random);
      const { resized, crop } = placeImage(photo, config);
      const region = seenRegion(photo, config);
      const [x, y] = [random.next() * photo.width, random.next() * photo.height];
      const [column, row] = [
        (x * resized.width) / photo.width - crop.left,
        (y * resized.height) / photo.height - crop.top,
      ];
      expect(region.left + (column / crop.width) * region.width).toBeCloseTo(x, 7);
      expect(region.top + (row / crop.height) * region.height).toBeCloseTo(y, 7);
    }
  });

  // Independent of the formulas: a photo that gets brighter to the right and greener downwards is really cropped, and
  // its pixels say where they come from. An error of one pixel in the resized image moves the mean by 0.5 levels or more.
  it.each<[number, number, Partial<ImageConfig>]>([
    [120, 90, { resize: 96, crop: 80 }],
    [90, 120, { resize: 96, crop: 80 }],
    [101, 67, { resize: 256, crop: 224 }],
    [67, 101, { resize: 140, crop: 121 }],
    [120, 110, { resize: [97, 131], crop: 83 }],
    [100, 100, { resize: [60, 80], crop: null }],
    [80, 60, { resize: [50, 70], crop: 96 }],
  ])('is where the pixels of a %ix%i photo come from: %j', (width, height, changes) => {
    const config = { ...defaults, ...changes };
    const photo = ramps(width, height);
    const view = resizeAndCrop(photo, config);
    const region = seenRegion(photo, config);
    for (const [channel, cells, start, length, side] of [
      [0, view.width, region.left, region.width, width],
      [1, view.height, region.top, region.height, height],
    ] as const) {
      const pixels = length / cells; // of the photo, for each of the view
      const margin = 1 + pixels; // filters are one-sided at the photo's edges
      const errors: number[] = [];
      for (let i = 0; i < cells; i++) {
        const position = start + (i + 0.5) * pixels;
        if (position < margin || position > side - margin) continue;
        const [x, y] = channel === 0 ? [i, view.height >> 1] : [view.width >> 1, i];
        const level = view.data[3 * (y * view.width + x) + channel];
        errors.push(level - ((position - 0.5) / (side - 1)) * 255);
      }
      expect(errors.length).toBeGreaterThan(20);
      // Levels are rounded three times: in the photo, across and down.
      expect(Math.max(...errors.map(Math.abs))).toBeLessThan(1.6);
      expect(Math.abs(errors.reduce((a, b) => a + b) / errors.length)).toBeLessThan(0.2);
    }
  });
});

describe('cellRegion', () => {
  it('cuts the region into equal cells from corner to corner', () => {
    const region = { left: 10, top: -6, width: 70, height: 21 };
    const grid = { width: 7, height: 3 };
    expect(cellRegion(region, grid, 0, 0)).toEqual({ left: 10, top: -6, width: 10, height: 7 });
    expect(cellRegion(region, grid, 2, 6)).toEqual({ left: 70, top: 8, width: 10, height: 7 });
  });
});

function randomConfig(random: Random): ImageConfig {
  const side = () => random.integer(400) + 1;
  return {
    ...defaults,
    resize: random.next() < 0.5 ? side() : [side(), side()],
    crop: random.next() < 0.3 ? null : side(),
  };
}

/** Red from 0 to 255 over the columns, green over the rows. */
function ramps(width: number, height: number) {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data[3 * (y * width + x)] = Math.round((x / (width - 1)) * 255);
      data[3 * (y * width + x) + 1] = Math.round((y / (height - 1)) * 255);
    }
  }
  return { width, height, data };
}
