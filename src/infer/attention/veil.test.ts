import sharp from 'sharp';
import { expect, it } from 'vitest';
import { attentionVeil } from './veil.js';

it('is clear at the largest weight and dark where there is none', async () => {
  const { data, info } = await sharp(await attentionVeil([0, 0.25, 0.5, 0.25], 2, 2))
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([info.width, info.height, info.channels]).toEqual([2, 2, 4]);
  expect([3, 7, 11, 15].map((i) => data[i])).toEqual([215, 108, 0, 108]);
});
