import { describe, expect, it } from 'vitest';
import { readGolden, uniform } from '../../tests/helpers.js';
import { resize, type Interpolation } from './resample.js';

interface PillowCase {
  source: string;
  width: number;
  height: number;
  to: [number, number];
  filter: Interpolation;
  u8: string;
}

const golden = readGolden('pillow_resize.json') as { pillow: string; cases: PillowCase[] };

function source({ source, width, height }: PillowCase) {
  const data = Uint8Array.from(uniform(source, width * height * 3), (u) => Math.floor((u + 1) * 127.5));
  return { width, height, data };
}

describe(`resize, against Pillow ${golden.pillow}: every byte equal`, () => {
  it.each(golden.cases)('$source to $to, $filter', (given) => {
    const [width, height] = given.to;
    const result = resize(source(given), width, height, given.filter);
    expect(result).toMatchObject({ width, height });
    expect(Buffer.from(result.data).equals(Buffer.from(given.u8, 'base64'))).toBe(true);
  });

  it.each(golden.cases)('a window of $source to $to, $filter, is cut from the whole', (given) => {
    const [width, height] = given.to;
    const whole = resize(source(given), width, height, given.filter);
    const window = { left: 5, top: 3, width: 17, height: 11 };
    const part = resize(source(given), width, height, given.filter, window);
    expect(part).toMatchObject({ width: 17, height: 11 });
    for (let y = 0; y < 11; y++) {
      const start = ((3 + y) * width + 5) * 3;
      expect(part.data.subarray(y * 51, (y + 1) * 51)).toEqual(whole.data.slice(start, start + 51));
    }
  });
});

describe('resize to the same size', () => {
  const image = source(golden.cases[0]);

  it('gives the very same pixels without copying them', () => {
    expect(resize(image, 61, 47, 'bicubic').data).toBe(image.data);
  });

  it('in one direction changes only the other', () => {
    // A picture of equal rows stays one under a vertical resize.
    const row = image.data.slice(0, 61 * 3);
    const rows = { width: 61, height: 10, data: new Uint8Array(61 * 3 * 10) };
    for (let y = 0; y < 10; y++) rows.data.set(row, y * row.length);
    const tall = resize(rows, 61, 23, 'bilinear');
    for (let y = 0; y < 23; y++) expect(tall.data.slice(y * 183, (y + 1) * 183)).toEqual(row);
  });
});
