/** A thread of training that turns image files into pixels: reads, decodes, changes at random where asked, resizes, crops. */
import { workerData } from 'node:worker_threads';
import type { AugmentConfig, ImageConfig } from '../config/index.js';
import { answerRequests, Random } from '../core/index.js';
import { augment } from './augment.js';
import { decodeImage, type RgbImage } from './image.js';
import { resizeAndCrop } from './preprocess.js';

export interface ImageThreadSettings {
  image: ImageConfig;
  augment: AugmentConfig;
}

export interface ImageRequest {
  path: string;
  /** Seed of the random changes; null: the image as captioning sees it. */
  seed: string | null;
}

const settings = workerData as ImageThreadSettings;

answerRequests(
  async ({ path, seed }: ImageRequest): Promise<RgbImage> => {
    const decoded = await decodeImage(path);
    const image =
      seed === null
        ? resizeAndCrop(decoded, settings.image)
        : augment(decoded, settings.augment, settings.image, Random.from(seed));
    // Its own memory, which goes to the other thread without a copy.
    return { ...image, data: Uint8Array.from(image.data) };
  },
  ({ data }) => [data.buffer as ArrayBuffer],
);
