/**
 * Image files to 8-bit RGB, with sharp. Like Pillow's `convert('RGB')`, embedded colour profiles are ignored and
 * alpha is dropped, not blended; unlike torchvision's loader the EXIF orientation is applied. Of an animation the
 * first frame is taken; 16-bit samples keep their upper byte.
 */
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { messageOf, UserError } from '../core/index.js';

/** Pixels of an image, row by row, three bytes each. */
export interface RgbImage {
  width: number;
  height: number;
  /** (height, width, 3) */
  data: Uint8Array;
}

/** How names of images end. The order is that of preference where files of one name differ in it. */
export const imageEndings = ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.tif', '.tiff', '.avif'];

/** Larger images are refused: a small file can unpack to any size. 300 MB of pixels at this limit. */
export const MAX_PIXELS = 100_000_000;

/** The bytes of an image file; a UserError names a file that cannot be read. */
export async function readImageFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'does not exist' : code === 'EISDIR' ? 'is a folder' : messageOf(error);
    throw new UserError(`The image ${path} ${why}.`, { cause: error });
  }
}

/**
 * @param source a path, or the bytes of an image file
 * @param name how error messages call the image
 * @param seconds after which decoding is given up, as a small file can also take any time; 0: never
 */
export async function decodeImage(
  source: string | Uint8Array,
  name = typeof source === 'string' ? source : 'given as bytes',
  seconds = 0,
): Promise<RgbImage> {
  const bytes = typeof source === 'string' ? await readImageFile(source) : source;
  const hint = 'JPEG, PNG, WebP, GIF, TIFF and AVIF images are read.';
  if (bytes.length === 0) throw new UserError(`The image ${name} is empty (0 bytes).`, { hint });
  // sharp would draw SVG, which is a program more than a photo; XML and HTML begin alike.
  if (/^\uFEFF?\s*</.test(Buffer.from(bytes.subarray(0, 64)).toString('utf8'))) {
    throw new UserError(`The image ${name} is SVG, XML or HTML text, not pixels.`, { hint });
  }
  try {
    const { data, info } = await sharp(bytes, {
      ignoreIcc: true,
      limitInputPixels: MAX_PIXELS,
      failOn: 'error',
    })
      .autoOrient()
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .timeout({ seconds })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data: threeChannels(data, info.channels) };
  } catch (error) {
    const why = messageOf(error);
    if (/pixel limit/i.test(why)) {
      throw new UserError(`The image ${name} has more than ${MAX_PIXELS / 1e6} million pixels.`, {
        hint: 'Make it smaller first.',
        cause: error,
      });
    }
    throw new UserError(`The image ${name} cannot be decoded: ${why.split('\n')[0]}.`, {
      hint,
      cause: error,
    });
  }
}

function threeChannels(data: Buffer, channels: number): Uint8Array {
  if (channels === 3) return data;
  const rgb = new Uint8Array((data.length / channels) * 3);
  for (let from = 0, to = 0; from < data.length; from += channels, to += 3) rgb.fill(data[from], to, to + 3);
  return rgb;
}
