/** An uploaded photo: what it is by its first bytes, whether it may be decoded, and its pixels for each model. */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import type { ImageConfig } from '../config/index.js';
import { decodeImage, resizeAndCrop, type RgbImage } from '../data/index.js';
import { UserError } from '../core/index.js';
import type { Refusal } from './errors.js';

/** What is decoded, by how such files begin; nothing else ever reaches the decoder. */
const kinds: { type: string; begins: (bytes: Uint8Array) => boolean }[] = [
  { type: 'image/jpeg', begins: startsWith(0, '\xff\xd8\xff') },
  { type: 'image/png', begins: startsWith(0, '\x89PNG\r\n\x1a\n') },
  { type: 'image/webp', begins: both(startsWith(0, 'RIFF'), startsWith(8, 'WEBP')) },
  { type: 'image/gif', begins: startsWith(0, 'GIF8') },
  { type: 'image/tiff', begins: either(startsWith(0, 'II*\0'), startsWith(0, 'MM\0*')) },
  { type: 'image/avif', begins: either(startsWith(4, 'ftypavif'), startsWith(4, 'ftypavis')) },
];

export const photoTypes = kinds.map(({ type }) => type);

export interface Photo {
  /** Of the upright photo, in pixels. */
  size: { width: number; height: number };
  /** Hash of the bytes: what sampling draws by. */
  key: string;
  /** As each of the configurations wants it, in their order. */
  pixels: RgbImage[];
}

export interface PhotoLimits {
  /** Most pixels of a photo. */
  pixels: number;
  /** Longest that decoding may take, seconds. */
  seconds: number;
}

/** Never throws for a bad photo: it says why the photo is refused. */
export async function readPhoto(
  bytes: Uint8Array,
  configs: readonly ImageConfig[],
  limits: PhotoLimits,
): Promise<Photo | { refusal: Refusal }> {
  const refusal = await inspect(bytes, limits);
  if (refusal) return { refusal };
  try {
    const image = await decodeImage(bytes, 'that was sent', limits.seconds);
    const { width, height } = image;
    const key = createHash('sha256').update(bytes).digest('hex');
    // Copies, because what is cropped may share its memory with others.
    const pixels = configs.map((config) => {
      const seen = resizeAndCrop(image, config);
      return { ...seen, data: Uint8Array.from(seen.data) };
    });
    return { size: { width, height }, key, pixels };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { refusal: damaged };
  }
}

const damaged: Refusal = {
  status: 422,
  code: 'damaged_image',
  message: 'The photo is damaged or incomplete.',
  hint: 'Open it in another program, and save it anew.',
};

async function inspect(bytes: Uint8Array, limits: PhotoLimits): Promise<Refusal | undefined> {
  if (bytes.length === 0) {
    return { status: 400, code: 'empty_image', message: 'The photo is empty (0 bytes).' };
  }
  const kind = kinds.find(({ begins }) => begins(bytes));
  if (!kind) {
    return {
      status: 415,
      code: 'unsupported_image',
      message: 'This is not a photo of a kind that can be read.',
      hint: `Send one of ${photoTypes.join(', ')}.`,
    };
  }
  let size;
  try {
    // Of an image, its header only: nothing is unpacked yet.
    size = await sharp(bytes, { limitInputPixels: false, pages: 1 }).metadata();
  } catch {
    return damaged;
  }
  if ((size.pages ?? 1) > 1 || isAnimatedPng(bytes)) {
    return {
      status: 415,
      code: 'animated_image',
      message: 'The image is an animation, or has several pages.',
      hint: 'Send a single picture of it.',
    };
  }
  if (size.width * size.height > limits.pixels) {
    return {
      status: 413,
      code: 'too_many_pixels',
      message: `The photo has ${size.width} x ${size.height} pixels; at most ${limits.pixels / 1e6} million are read.`,
      hint: 'Make it smaller first.',
    };
  }
  return undefined;
}

/** The decoder would read the first picture of one and not tell. */
function isAnimatedPng(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const control = buffer.subarray(0, 4096).indexOf('acTL');
  return kinds[1].begins(bytes) && control > 0 && control < buffer.indexOf('IDAT');
}

function startsWith(offset: number, text: string) {
  const expected = Buffer.from(text, 'latin1');
  return (bytes: Uint8Array) =>
    bytes.length >= offset + expected.length && expected.every((byte, i) => bytes[offset + i] === byte);
}

function both(...tests: ((bytes: Uint8Array) => boolean)[]) {
  return (bytes: Uint8Array) => tests.every((test) => test(bytes));
}

function either(...tests: ((bytes: Uint8Array) => boolean)[]) {
  return (bytes: Uint8Array) => tests.some((test) => test(bytes));
}
