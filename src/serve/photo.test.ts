import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from '../config/index.js';
import { Random } from '../core/index.js';
import { decodeImage, resizeAndCrop } from '../data/index.js';
import { photoTypes, readPhoto } from './photo.js';

const limits = { pixels: 100_000, seconds: 10 };
const config = configSchema.shape.image.parse({ resize: [32, 32], crop: null });
const read = (bytes: Uint8Array) => readPhoto(bytes, [config], limits);
const picture = (width: number, height: number) =>
  sharp({
    create: {
      width,
      height,
      channels: 3,
      background: 'grey',
      noise: { type: 'gaussian', mean: 128, sigma: 30 },
    },
  });

async function refusalOf(bytes: Uint8Array) {
  const photo = await read(bytes);
  return 'refusal' in photo ? photo.refusal : undefined;
}

let jpeg: Buffer;
beforeAll(async () => {
  jpeg = await picture(120, 80).jpeg().toBuffer();
});

describe('an uploaded photo', () => {
  it.each(['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const)('is read as %s', async (format) => {
    expect(photoTypes).toContain(`image/${format}`);
    const bytes = await picture(60, 40).toFormat(format).toBuffer();
    const photo = await read(bytes);
    if ('refusal' in photo) throw new Error(photo.refusal.message);
    expect(photo.size).toEqual({ width: 60, height: 40 });
    expect(photo.pixels).toEqual([resizeAndCrop(await decodeImage(bytes), config)]);
  });

  it('is upright', async () => {
    const photo = await read(await picture(60, 40).jpeg().withMetadata({ orientation: 6 }).toBuffer());
    expect(photo).toMatchObject({ size: { width: 40, height: 60 } });
  });

  it('is refused with the reason', async () => {
    expect(await refusalOf(new Uint8Array())).toMatchObject({ status: 400, code: 'empty_image' });
    for (const text of [
      'hello',
      '<svg xmlns="http://www.w3.org/2000/svg"/>',
      '%PDF-1.4',
      '<!doctype html>',
    ]) {
      const refusal = await refusalOf(Buffer.from(text));
      expect(refusal, text).toMatchObject({ status: 415, code: 'unsupported_image' });
    }
    expect(await refusalOf(jpeg.subarray(0, 20))).toMatchObject({ status: 422, code: 'damaged_image' });
    expect(await refusalOf(jpeg.subarray(0, jpeg.length - 200))).toMatchObject({ code: 'damaged_image' });
  });

  it('is refused when it is large, before it is unpacked', async () => {
    const bomb = await sharp({ create: { width: 4000, height: 4000, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    expect(await refusalOf(bomb)).toMatchObject({ status: 413, code: 'too_many_pixels' });
    // Cut off, it could not be unpacked.
    expect(await refusalOf(bomb.subarray(0, 200))).toMatchObject({ code: 'too_many_pixels' });
    expect(await refusalOf(await picture(400, 250).png().toBuffer())).toBeUndefined();
    expect(await refusalOf(await picture(401, 250).png().toBuffer())).toMatchObject({
      code: 'too_many_pixels',
    });
  });

  it('is refused when it moves', async () => {
    const frames = await Promise.all([1, 2, 3].map(() => picture(20, 20).png().toBuffer()));
    const join = { join: { animated: true } };
    for (const bytes of [
      await sharp(frames, join).gif({ delay: 100 }).toBuffer(),
      await sharp(frames, join).webp({ delay: 100 }).toBuffer(),
      animatedPng(await picture(20, 20).png().toBuffer()),
    ]) {
      expect(await refusalOf(bytes)).toMatchObject({ status: 415, code: 'animated_image' });
    }
  });

  it('never throws, whatever is done to it', async () => {
    const random = Random.from('damaged photos');
    const sources = [jpeg, await picture(40, 40).png().toBuffer(), await picture(40, 40).webp().toBuffer()];
    const codes = new Set<string>();
    for (let i = 0; i < 300; i++) {
      const bytes = Uint8Array.from(random.pick(sources));
      for (let n = 1 + Math.floor(8 * random.next()); n > 0; n--) {
        bytes[Math.floor(bytes.length * random.next())] = Math.floor(256 * random.next());
      }
      const cut = random.next() < 0.3 ? Math.floor(bytes.length * random.next()) : bytes.length;
      codes.add((await refusalOf(bytes.subarray(0, cut)))?.code ?? 'read');
    }
    expect([...codes]).toEqual(expect.arrayContaining(['read', 'damaged_image']));
  });
});

/** A PNG that says it is an animation of one frame: an acTL chunk behind the header. */
function animatedPng(png: Buffer): Buffer {
  const chunk = Buffer.alloc(20);
  chunk.writeUInt32BE(8, 0);
  chunk.write('acTL', 4, 'latin1');
  chunk.writeUInt32BE(1, 8);
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]);
}
