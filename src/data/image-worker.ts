/**
 * A thread that turns image files into pixels: reads, decodes, changes at random where asked, resizes and crops.
 * image-pool.ts starts it and speaks with it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { AugmentConfig, ImageConfig } from '../config/index.js';
import { Random, UserError } from '../core/index.js';
import { augment } from './augment.js';
import { decodeImage } from './image.js';
import { resizeAndCrop } from './preprocess.js';

export interface WorkerSettings {
  image: ImageConfig;
  augment: AugmentConfig;
}

export interface ImageRequest {
  id: number;
  path: string;
  /** Seed of the random changes; null: the image as captioning sees it. */
  seed: string | null;
}

export type ImageReply =
  | { id: number; width: number; height: number; data: Uint8Array }
  | { id: number; message: string; hint?: string };

const settings = workerData as WorkerSettings;

async function pixels({ id, path, seed }: ImageRequest): Promise<ImageReply> {
  try {
    const decoded = await decodeImage(path);
    const image =
      seed === null
        ? resizeAndCrop(decoded, settings.image)
        : augment(decoded, settings.augment, settings.image, Random.from(seed));
    // Its own memory, which goes to the other thread without a copy.
    return { id, ...image, data: Uint8Array.from(image.data) };
  } catch (error) {
    // Anything else is a bug and ends the thread.
    if (!(error instanceof UserError)) throw error;
    return { id, message: error.message, hint: error.hint };
  }
}

parentPort!.on('message', (request: ImageRequest) => {
  void pixels(request).then((reply) =>
    parentPort!.postMessage(reply, 'data' in reply ? [reply.data.buffer as ArrayBuffer] : []),
  );
});
