/** A thread that decodes images for {@link captionShards}. */
import { workerData } from 'node:worker_threads';
import type { ImageConfig } from '../../config/index.js';
import { answerRequests } from '../../core/index.js';
import { prepareImage, type PreparedImage } from '../prepare.js';

export interface ShardImageRequest {
  image: string | Uint8Array;
  /** How errors call it. */
  name: string;
}

/** One is decoded while another is resized; more would only hold more photos of full size in memory. */
const TOGETHER = 2;
/** A small file can take any time to decode. Far above what any photo takes, so that no slow machine meets it. */
const SECONDS = 300;

const config = workerData as ImageConfig;
let working = 0;
const waiting: (() => void)[] = [];

answerRequests(
  async ({ image, name }: ShardImageRequest): Promise<PreparedImage> => {
    if (working < TOGETHER) working++;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      const prepared = await prepareImage(image, config, name, SECONDS);
      const { pixels } = prepared;
      // Its own memory, which goes to the other thread without a copy.
      return { ...prepared, pixels: { ...pixels, data: Uint8Array.from(pixels.data) } };
    } finally {
      const next = waiting.shift();
      if (next) next();
      else working--;
    }
  },
  ({ pixels }) => [pixels.data.buffer as ArrayBuffer],
);
