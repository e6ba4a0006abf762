/** The images of a training whose encoder sees them in every epoch: decoded by threads, kept in memory where that helps. */
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { AugmentConfig, ImageConfig } from '../config/index.js';
import { compiledScript, ThreadPool, UserError, type Log } from '../core/index.js';
import { augments } from './augment.js';
import { BadImages, type SkippedImage } from './image-loader.js';
import type { ImageRequest, ImageThreadSettings } from './image-thread.js';
import type { RgbImage } from './image.js';
import { prefetch } from './prefetch.js';
import { stackPixels } from './preprocess.js';

/** Images asked for ahead of the one that is taken. */
const AHEAD = 32;

export interface TrainingImagesOptions {
  /** file names relative to `imageDirectory`, of the training and the validation split */
  train: readonly string[];
  validation: readonly string[];
  imageDirectory: string;
  imageConfig: ImageConfig;
  augment: AugmentConfig;
  seed: number;
  onBadImage: 'error' | 'skip';
  log: Log;
  /** most pixels kept in memory; a quarter of the machine's memory unless given */
  maxBytes?: number;
  signal?: AbortSignal;
}

export class TrainingImages {
  private readonly kept = new Map<string, RgbImage>();
  private readonly usable = new Set<string>();
  private readonly threads: ThreadPool<ImageRequest, RgbImage>;
  private readonly bad: BadImages;

  private constructor(private readonly options: TrainingImagesOptions) {
    this.threads = new ThreadPool(compiledScript(import.meta.url, 'image-thread.js'), {
      image: options.imageConfig,
      augment: options.augment,
    } satisfies ImageThreadSettings);
    this.bad = new BadImages(options.onBadImage, options.log);
  }

  /**
   * Decodes every image once: a bad one shows now, not hours later. Pixels that are needed again as they are stay in
   * memory, as far as `maxBytes` goes; the others are decoded whenever they are read.
   */
  static async open(options: TrainingImagesOptions): Promise<TrainingImages> {
    const images = new TrainingImages(options);
    try {
      await images.decodeAll();
      return images;
    } catch (error) {
      await images.close();
      throw error;
    }
  }

  private async decodeAll(): Promise<void> {
    const { train, validation, log, signal, maxBytes = totalmem() / 4 } = this.options;
    const asTheyAre = new Set(augments(this.options.augment) ? validation : [...validation, ...train]);
    const names = [...new Set([...validation, ...train])];
    const progress = log.progress('reading images', names.length);
    let bytes = 0;
    try {
      const decode = async (name: string) => {
        try {
          return { name, image: await this.decode(name, null) };
        } catch (error) {
          if (error instanceof UserError) return { name, error };
          throw error;
        }
      };
      for await (const { name, image, error } of prefetch(names, () => AHEAD, decode)) {
        signal?.throwIfAborted();
        if (error) this.bad.add(name, error);
        else {
          this.usable.add(name);
          if (asTheyAre.has(name) && bytes + image.data.length <= maxBytes) {
            bytes += image.data.length;
            this.kept.set(name, image);
          }
        }
        progress.update(this.usable.size + this.bad.skipped.length);
      }
    } finally {
      progress.end();
    }
    this.bad.finish(names.length);
  }

  /** Pixels ready for the encoder. @param seed of the random changes; null: as captioning sees the image */
  private decode(name: string, seed: string | null): Promise<RgbImage> {
    return this.threads.run({ path: join(this.options.imageDirectory, name), seed });
  }

  /** Images that could not be used. */
  get skipped(): readonly SkippedImage[] {
    return this.bad.skipped;
  }

  has(image: string): boolean {
    return this.usable.has(image);
  }

  /** Pixels (B, H, W, 3) as captioning sees them. */
  async read(images: readonly string[]): Promise<Uint8Array> {
    return stackPixels(
      await Promise.all(images.map((name) => this.kept.get(name) ?? this.decode(name, null))),
    );
  }

  /**
   * Pixels (B, H, W, 3) with the configured random changes, if there are any. They depend on the training's seed, the
   * image and `moment` alone.
   * @param moment what tells this reading of an image from every other: epoch and batch
   */
  async readForTraining(images: readonly string[], ...moment: number[]): Promise<Uint8Array> {
    if (!augments(this.options.augment)) return this.read(images);
    const seedOf = (name: string) => [this.options.seed, 'augment', ...moment, name].join('/');
    return stackPixels(await Promise.all(images.map((name) => this.decode(name, seedOf(name)))));
  }

  async close(): Promise<void> {
    await this.threads.close();
    this.kept.clear();
  }
}
