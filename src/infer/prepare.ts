/** An image on its way to the encoder. No backend is needed, so that threads can do it. */
import { createHash } from 'node:crypto';
import type { ImageConfig } from '../config/index.js';
import { decodeImage, resizeAndCrop, type RgbImage } from '../data/index.js';
import type { Size } from './attention/index.js';

/** An image ready for the encoder: plain data, so that another thread may have made it. */
export interface PreparedImage {
  /** Resized and cropped as the checkpoint's configuration says. */
  pixels: RgbImage;
  /** Size of the upright photo, in pixels. */
  photo: Size;
  /** What sampling draws by. */
  key: string;
}

/**
 * @param name how error messages call the image
 * @param seconds after which decoding is given up; 0: never
 * @throws UserError for an image that cannot be read
 */
export async function prepareImage(
  image: string | Uint8Array,
  config: ImageConfig,
  name?: string,
  seconds?: number,
): Promise<PreparedImage> {
  const photo = await decodeImage(image, name, seconds);
  const { width, height } = photo;
  return { pixels: resizeAndCrop(photo, config), photo: { width, height }, key: imageKey(image) };
}

/** The path, or a hash of the bytes. */
export function imageKey(image: string | Uint8Array): string {
  return typeof image === 'string' ? image : createHash('sha256').update(image).digest('hex');
}
