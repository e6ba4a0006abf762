import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeImage } from './image.js';

/** 3x2 pixels, each different. */
const rgb = Uint8Array.from([255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 200, 150, 100, 255, 255, 255]);
const raw = { width: 3, height: 2, channels: 3 } as const;
const pixels = () => sharp(rgb, { raw });

const folder = mkdtempSync(join(tmpdir(), 'showtell-image-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('decodeImage', () => {
  it.each([
    ['PNG', () => pixels().png()],
    ['palette PNG', () => pixels().png({ palette: true, dither: 0 })],
    ['lossless WebP', () => pixels().webp({ lossless: true })],
    ['TIFF', () => pixels().tiff({ compression: 'deflate' })],
    ['16-bit PNG', () => pixels().toColourspace('rgb16').png()],
    ['opaque PNG with alpha', () => pixels().ensureAlpha(1).png()],
    ['half transparent PNG: alpha is dropped, not blended', () => pixels().ensureAlpha(0.5).png()],
    ['wholly transparent PNG', () => pixels().ensureAlpha(0).png()],
  ])('%s', async (_, make) => {
    const image = await decodeImage(await make().toBuffer());
    expect([image.width, image.height]).toEqual([3, 2]);
    expect([...image.data]).toEqual([...rgb]);
  });

  it.each([
    ['grey PNG', 1],
    ['grey PNG with alpha', 2],
  ] as const)('%s has three equal channels', async (_, channels) => {
    const values = [0, 100, 200, 255];
    const data = Uint8Array.from(values.flatMap((v) => (channels === 1 ? [v] : [v, 128])));
    const png = await sharp(data, { raw: { width: 2, height: 2, channels } })
      .toColourspace('b-w')
      .png()
      .toBuffer();
    expect([...(await decodeImage(png)).data]).toEqual(values.flatMap((v) => [v, v, v]));
  });

  it('16-bit grey keeps the upper byte', async () => {
    const samples = Uint16Array.from([0, 0x1234, 0x80ff, 0xffff]);
    // An uncompressed big-endian PNG by hand: sharp would scale the samples when it writes.
    const chunk = (type: string, body: Buffer) => {
      const head = Buffer.concat([Buffer.from(type, 'latin1'), body]);
      const frame = Buffer.alloc(8 + head.length);
      frame.writeUInt32BE(body.length);
      head.copy(frame, 4);
      frame.writeUInt32BE(crc32(head), 4 + head.length);
      return frame;
    };
    const header = Buffer.from([0, 0, 0, 4, 0, 0, 0, 1, 16, 0, 0, 0, 0]);
    const line = Buffer.from([0, ...Array.from(samples, (v) => [v >> 8, v & 255]).flat()]);
    const png = Buffer.concat([
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
      chunk('IHDR', header),
      chunk('IDAT', deflateSync(line)),
      chunk('IEND', Buffer.alloc(0)),
    ]);
    const image = await decodeImage(png);
    expect([...image.data]).toEqual([0, 0x12, 0x80, 0xff].flatMap((v) => [v, v, v]));
  });

  it('CMYK JPEG comes out as about the same colours', async () => {
    const background = { r: 200, g: 60, b: 30 };
    const jpeg = await sharp({ create: { width: 8, height: 8, channels: 3, background } })
      .toColourspace('cmyk')
      .jpeg({ quality: 100 })
      .toBuffer();
    const { data } = await decodeImage(jpeg);
    // The conversion to CMYK ink and back is not exact; an inverted picture would be off by more than 100.
    [200, 60, 30].forEach((v, i) => expect(Math.abs(data[i] - v)).toBeLessThan(45));
  });

  it('applies the EXIF orientation', async () => {
    // 6: the camera was held so that the first row is the right-hand side.
    const png = await pixels().withMetadata({ orientation: 6 }).png().toBuffer();
    const image = await decodeImage(png);
    expect([image.width, image.height]).toEqual([2, 3]);
    const at = (i: number) => [...rgb.slice(i * 3, i * 3 + 3)];
    expect([...image.data]).toEqual([3, 0, 4, 1, 5, 2].flatMap(at));
  });

  it('takes the first frame of an animation', async () => {
    const frames = Uint8Array.from([...Array(12).fill(0), ...Array(12).fill(255)]);
    const gif = await sharp(frames, { raw: { width: 2, height: 4, channels: 3, pageHeight: 2 } })
      .gif({ delay: [10, 10], loop: 0 })
      .toBuffer();
    expect((await sharp(gif).metadata()).pages).toBe(2);
    const image = await decodeImage(gif);
    expect([image.width, image.height, image.data[0]]).toEqual([2, 2, 0]);
  });

  it('reads a path', async () => {
    const path = join(folder, 'Ünï 1.png');
    writeFileSync(path, await pixels().png().toBuffer());
    expect((await decodeImage(path)).width).toBe(3);
  });

  describe('names what cannot be decoded', () => {
    it.each([
      ['absent.jpg', undefined, /absent\.jpg does not exist/],
      ['empty.jpg', '', /empty\.jpg is empty \(0 bytes\)/],
      ['text.jpg', 'hello there', /text\.jpg cannot be decoded: .*unsupported image format/],
      ['drawing.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>', /drawing\.svg is SVG, XML or HTML/],
    ])('%s', async (name, content, message) => {
      const path = join(folder, name);
      if (content !== undefined) writeFileSync(path, content);
      await expect(decodeImage(path)).rejects.toThrow(message);
    });

    it('a folder and a truncated JPEG', async () => {
      await expect(decodeImage(folder)).rejects.toThrow(/is a folder/);
      const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 256);
      const jpeg = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
        .jpeg()
        .toBuffer();
      const cut = decodeImage(jpeg.subarray(0, jpeg.length / 2), 'cut.jpg');
      await expect(cut).rejects.toThrow(/cut\.jpg cannot be decoded/);
    });

    it('a small file that would unpack to too many pixels', async () => {
      const bomb = await sharp({ create: { width: 12000, height: 9000, channels: 3, background: 'black' } })
        .png()
        .toBuffer();
      expect(bomb.length).toBeLessThan(2e6);
      await expect(decodeImage(bomb, 'bomb.png')).rejects.toThrow(
        /bomb\.png has more than 100 million pixels/,
      );
    });
  });
});
