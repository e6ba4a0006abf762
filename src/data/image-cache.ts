/**
 * Images in memory, for encoders that are trained and so see every image many times: 8-bit pixels after resize and
 * crop.
 */
import type { ImageConfig } from '../config/index.js';
import { UserError, type Log } from '../core/index.js';
import { BadImages, loadImages, type SkippedImage } from './image-loader.js';
import type { RgbImage } from './image.js';
import { imageSize, stackPixels } from './preprocess.js';

export class ImageCache {
  private constructor(
    private readonly pixels: ReadonlyMap<string, RgbImage>,
    readonly skipped: readonly SkippedImage[],
  ) {}

  /** @param o maxBytes: refuses to hold more pixels than this; 4 GiB unless given */
  static async load(o: {
    images: readonly string[];
    imageDirectory: string;
    imageConfig: ImageConfig;
    onBadImage: 'error' | 'skip';
    log: Log;
    maxBytes?: number;
    signal?: AbortSignal;
  }): Promise<ImageCache> {
    const images = [...new Set(o.images)];
    const [height, width] = imageSize(o.imageConfig);
    const bytes = images.length * height * width * 3;
    const limit = o.maxBytes ?? 4 * 2 ** 30;
    if (bytes > limit) {
      const MiB = (n: number) => Math.ceil(n / 2 ** 20).toLocaleString('en');
      throw new UserError(
        `${images.length} images of ${width}x${height} pixels need ${MiB(bytes)} MiB of memory; ` +
          `at most ${MiB(limit)} MiB are used to train an encoder.`,
        { hint: 'Use encoder.train: none, smaller images or fewer of them.' },
      );
    }
    const bad = new BadImages(o.onBadImage, o.log);
    const pixels = new Map<string, RgbImage>();
    const progress = o.log.progress('reading images', images.length);
    try {
      const prepare = () => ({ prepared: null, needed: true });
      for await (const loaded of loadImages({ ...o, images, ahead: 16, prepare })) {
        o.signal?.throwIfAborted();
        if ('error' in loaded) bad.add(loaded.image, loaded.error);
        else if (loaded.pixels) pixels.set(loaded.image, loaded.pixels);
        progress.update(pixels.size + bad.skipped.length);
      }
    } finally {
      progress.end();
    }
    bad.finish(images.length);
    return new ImageCache(pixels, bad.skipped);
  }

  has(image: string): boolean {
    return this.pixels.has(image);
  }

  /** (B, H, W, 3), in a new array. */
  read(images: readonly string[]): Uint8Array {
    return stackPixels(
      images.map((image) => {
        const pixels = this.pixels.get(image);
        if (!pixels) throw new Error(`the image ${image} is not in memory`);
        return pixels;
      }),
    );
  }
}
