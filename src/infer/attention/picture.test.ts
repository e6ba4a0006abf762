import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../core/index.js';
import type { AttendedCaption, Attention } from './attention.js';
import { attentionPicture } from './picture.js';

const COLOUR = { r: 200, g: 40, b: 40 };
const DARK = 1 - 215 / 255; // what the darkest veil leaves
/** Where the first tile begins. */
const [LEFT, TOP] = [12, 44];

const photo = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: COLOUR } });

function caption(attention: Omit<Attention, 'maps'>, ...maps: number[][]): AttendedCaption {
  return {
    text: 'A <red> & "plain" photo',
    words: maps.map((_, i) => `w<${i}>`),
    logProbability: -1,
    score: -1,
    finished: true,
    attention: { ...attention, maps: maps.map((map) => Float32Array.from(map)) },
  };
}

async function draw(image: Buffer, of: AttendedCaption) {
  const png = await attentionPicture(image, of);
  expect((await sharp(png).metadata()).format).toBe('png');
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return {
    width: info.width,
    height: info.height,
    /** Colour at a place of the tile in that column of tiles. */
    at: (x: number, y: number, column = 0): number[] => {
      const start = 3 * ((TOP + y) * info.width + LEFT + column * 212 + x);
      return [...data.subarray(start, start + 3)];
    },
  };
}

function expectColour(actual: number[], factor: number): void {
  // Cubic enlargement swings beyond the cells' own values: by 13 of 255 in these pictures.
  [COLOUR.r, COLOUR.g, COLOUR.b].forEach((value, i) =>
    expect(Math.abs(actual[i] - value * factor)).toBeLessThan(20),
  );
}

describe('attentionPicture', () => {
  const cropped = {
    height: 1,
    width: 2,
    photo: { width: 100, height: 50 },
    region: { left: 25, top: 0, width: 50, height: 50 },
  };

  it('lays the veils over the part that the model saw, and greys the rest', async () => {
    const image = await photo(100, 50).png().toBuffer();
    const { width, height, at } = await draw(image, caption(cropped, [1, 0], [0, 1]));
    // Two tiles of 200 x 100, title, words, and the line that explains the grey.
    expect([width, height]).toEqual([12 + 2 * 212, 44 + 142 + 30]);
    for (const x of [10, 190]) {
      const [r, g, b] = at(x, 50);
      expect([g, b]).toEqual([r, r]);
      expect(r).toBeGreaterThan(150);
    }
    expectColour(at(60, 50), 1);
    expectColour(at(140, 50), DARK);
    expectColour(at(60, 50, 1), DARK);
    expectColour(at(140, 50, 1), 1);
  });

  it('shows the whole photo in its colours when all of it was seen', async () => {
    const image = await photo(60, 120).jpeg({ quality: 100 }).toBuffer();
    const whole = {
      height: 2,
      width: 1,
      photo: { width: 60, height: 120 },
      region: { left: 0, top: 0, width: 60, height: 120 },
    };
    const { height, at } = await draw(image, caption(whole, [0, 1]));
    expect(height).toBe(44 + 442);
    expectColour(at(100, 390), 1);
    expectColour(at(100, 10), DARK);
  });

  it('cuts off what the model saw beyond the photo', async () => {
    const padded = {
      height: 4,
      width: 4,
      photo: { width: 40, height: 40 },
      region: { left: -40, top: -40, width: 120, height: 120 },
    };
    const image = await photo(40, 40).png().toBuffer();
    const corner = Array.from({ length: 16 }, (_, i) => (i === 5 ? 1 : 0)); // reaches from -10 to 20
    const { at } = await draw(image, caption(padded, corner));
    expectColour(at(25, 25), 1);
    expectColour(at(195, 195), DARK);
  });

  it('turns a photo as its EXIF orientation says', async () => {
    // Stored lying: white on the left. Upright, after a quarter turn to the right: white above.
    const lying = await photo(80, 40)
      .composite([
        {
          input: { create: { width: 40, height: 40, channels: 3, background: '#ffffff' } },
          left: 0,
          top: 0,
        },
      ])
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    const upright = {
      height: 1,
      width: 1,
      photo: { width: 40, height: 80 },
      region: { left: 0, top: 0, width: 40, height: 80 },
    };
    const { at } = await draw(lying, caption(upright, [1]));
    expect(at(100, 20)).toEqual([255, 255, 255]);
    expectColour(at(100, 380), 1);
  });

  it('keeps the shape of panoramas and towers', async () => {
    for (const [width, height, tile] of [
      [1000, 100, [800, 80]],
      [40, 400, [40, 400]],
    ] as const) {
      const size = { width, height };
      const all = { height: 1, width: 1, photo: size, region: { left: 0, top: 0, ...size } };
      const picture = await draw(await photo(width, height).png().toBuffer(), caption(all, [1]));
      expect(picture.width).toBe(12 + Math.max(120, tile[0]) + 12);
      expect(picture.height).toBe(44 + tile[1] + 30 + 12);
    }
  });

  it('draws a caption without words as its title', async () => {
    const image = await photo(100, 50).png().toBuffer();
    const { height } = await draw(image, { ...caption(cropped), text: '...' });
    expect(height).toBe(44 + 30);
  });

  it('refuses a caption without attention, and another photo', async () => {
    const image = await photo(50, 100).png().toBuffer();
    const { attention: _, ...blind } = caption(cropped, [1, 0]);
    await expect(attentionPicture(image, blind)).rejects.toThrow(/made without attention/);
    const other = attentionPicture(image, caption(cropped, [1, 0]));
    await expect(other).rejects.toThrow(UserError);
    await expect(other).rejects.toThrow(
      /of a photo of 100 x 50 pixels, but the image given as bytes has 50 x 100/,
    );
  });
});
