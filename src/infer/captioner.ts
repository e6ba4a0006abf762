/** A checkpoint that captions image files. */
import { prepareBackend, type BackendOptions } from '../backend/index.js';
import { loadCheckpoint, type Checkpoint } from '../checkpoint/index.js';
import { UserError } from '../core/index.js';
import {
  decodeImage,
  imageSize,
  prefetch,
  resizeAndCrop,
  stackPixels,
  type RgbImage,
} from '../data/index.js';
import { captionOf, type Caption } from './captions.js';
import { decode, type DecodeOptions } from './decode.js';
import { encodePixels } from './features.js';

/** Images that are encoded and decoded together. */
const BATCH = 16;

export interface CaptionOptions extends Pick<DecodeOptions, 'beam' | 'maxWords'> {
  /** Whether to say where the decoder looked; false by default. Refused for a decoder without attention. */
  attention?: boolean;
}

/** Where the decoder looked, over what it saw of the image: the centre crop, if there is one. */
export interface Attention {
  /** rows and columns of the feature map */
  height: number;
  width: number;
  /** for each word, (height x width) weights that sum to 1, row by row */
  maps: Float32Array[];
}

export interface ImageCaption extends Caption {
  attention?: Attention;
}

export class Captioner {
  private constructor(readonly checkpoint: Checkpoint) {}

  /**
   * Reads a checkpoint and prepares what computes.
   * @throws UserError that names what is wrong with the checkpoint
   */
  static async load(directory: string, device: BackendOptions = {}): Promise<Captioner> {
    await prepareBackend(device);
    return new Captioner(loadCheckpoint(directory));
  }

  /**
   * The likeliest caption of one image.
   * @param image a path, or the bytes of an image file
   * @throws UserError for an image that cannot be read, or an option that does not fit
   */
  async caption(image: string | Uint8Array, options: CaptionOptions = {}): Promise<ImageCaption> {
    this.check(options);
    const [caption] = this.captionPixels([await this.prepare(image)], options);
    return caption;
  }

  /**
   * Captions of many images, in their order, in batches; the next images are decoded meanwhile. An image that cannot
   * be read gives its error, and the others go on.
   */
  async *captionAll<T extends string | Uint8Array>(
    images: Iterable<T>,
    options: CaptionOptions = {},
  ): AsyncGenerator<{ image: T; caption: ImageCaption } | { image: T; error: UserError }> {
    this.check(options);
    type Read = { image: T } & ({ pixels: RgbImage } | { error: UserError });
    const read = async (image: T): Promise<Read> => {
      try {
        return { image, pixels: await this.prepare(image) };
      } catch (error) {
        if (error instanceof UserError) return { image, error };
        throw error;
      }
    };
    let batch: Read[] = [];
    for await (const one of prefetch(images, () => BATCH, read)) {
      batch.push(one);
      if (batch.length < BATCH) continue;
      yield* this.captionRead(batch, options);
      batch = [];
    }
    yield* this.captionRead(batch, options);
  }

  private *captionRead<T>(
    batch: ({ image: T } & ({ pixels: RgbImage } | { error: UserError }))[],
    options: CaptionOptions,
  ) {
    const captions = this.captionPixels(
      batch.flatMap((one) => ('pixels' in one ? [one.pixels] : [])),
      options,
    ).values();
    for (const one of batch) {
      if ('error' in one) yield { image: one.image, error: one.error };
      else yield { image: one.image, caption: captions.next().value! };
    }
  }

  private check({ attention }: CaptionOptions): void {
    const { decoder, directory } = this.checkpoint;
    if (attention && decoder.features !== 'map') {
      throw new UserError(`${directory} has the decoder "${decoder.type}", which has no attention to show`, {
        hint: 'use a checkpoint with the decoder "soft-attention"',
      });
    }
  }

  private async prepare(image: string | Uint8Array): Promise<RgbImage> {
    return resizeAndCrop(await decodeImage(image), this.checkpoint.config.image);
  }

  private captionPixels(images: RgbImage[], { attention, ...search }: CaptionOptions): ImageCaption[] {
    if (images.length === 0) return [];
    const { config, encoder, decoder, vocabulary } = this.checkpoint;
    const features = encodePixels(encoder, decoder, config, stackPixels(images));
    try {
      const [height, width] = encoder.outputShape(...imageSize(config.image), config.encoder.stage);
      return decode(decoder, features, { ...search, attention }).map(([best]) => ({
        ...captionOf(best, vocabulary),
        // A caption without a word looked nowhere.
        ...(attention && { attention: { height, width, maps: best.attention ?? [] } }),
      }));
    } finally {
      features.dispose();
    }
  }

  /** Frees the model's memory. */
  dispose(): void {
    this.checkpoint.encoder.dispose();
    this.checkpoint.decoder.dispose();
  }
}
