/** Image files to pixels ready for the encoder, several at a time, in order. */
import { join } from 'node:path';
import type { ImageConfig } from '../config/index.js';
import { UserError, type Log } from '../core/index.js';
import { decodeImage, readImageFile, type RgbImage } from './image.js';
import { prefetch } from './prefetch.js';
import { resizeAndCrop } from './preprocess.js';

/** An image that was left out, and why. */
export interface SkippedImage {
  image: string;
  reason: string;
}

/** Decoded pixels that may wait at full size, in bytes: bounds how many images are in flight. */
const DECODED_BYTES = 256 * 2 ** 20;

export interface LoadedImage<T> {
  image: string;
  /** what `prepare` gave */
  prepared: T;
  /** resized and cropped; null when `prepare` found that pixels are not needed */
  pixels: RgbImage | null;
}

/**
 * Reads, decodes, resizes and crops. sharp decodes on its own threads while the consumer computes.
 *
 * @param prepare looks at a file's bytes first and says whether the pixels are needed
 * @param ahead most images in flight; fewer while images are large
 */
export async function* loadImages<T>(o: {
  images: readonly string[];
  imageDirectory: string;
  imageConfig: ImageConfig;
  ahead: number;
  prepare: (image: string, bytes: Uint8Array) => { prepared: T; needed: boolean };
}): AsyncGenerator<LoadedImage<T> | { image: string; error: UserError }> {
  let largest = DECODED_BYTES / 4; // until sizes are known, four at a time
  const ahead = () => Math.max(2, Math.min(o.ahead, Math.floor(DECODED_BYTES / largest)));
  let seen = 0;
  yield* prefetch(o.images, ahead, async (image) => {
    try {
      const path = join(o.imageDirectory, image);
      const bytes = await readImageFile(path);
      const { prepared, needed } = o.prepare(image, bytes);
      if (!needed) return { image, prepared, pixels: null };
      const decoded = await decodeImage(bytes, path);
      largest = seen++ === 0 ? decoded.data.length : Math.max(largest, decoded.data.length);
      return { image, prepared, pixels: resizeAndCrop(decoded, o.imageConfig) };
    } catch (error) {
      if (error instanceof UserError) return { image, error };
      throw error;
    }
  });
}

/** Applies `data.onBadImage` and counts what was skipped. */
export class BadImages {
  readonly skipped: SkippedImage[] = [];

  constructor(
    private readonly onBadImage: 'error' | 'skip',
    private readonly log: Log,
  ) {}

  add(image: string, error: UserError): void {
    if (this.onBadImage === 'error') {
      throw new UserError(error.message, {
        hint: 'Mend or remove the file, or set data.onBadImage: skip to leave such images out.',
        cause: error,
      });
    }
    this.skipped.push({ image, reason: error.message });
    if (this.skipped.length <= 10) this.log.warn(`Left out: ${error.message}`);
  }

  /** Reports the count; an error when no image is left. */
  finish(total: number): void {
    if (this.skipped.length === 0) return;
    if (this.skipped.length === total) {
      throw new UserError(`None of ${total} images can be used; the first: ${this.skipped[0].reason}`, {
        hint: 'Check data.images.',
      });
    }
    this.log.warn(`${this.skipped.length} of ${total} images were left out.`);
  }
}
