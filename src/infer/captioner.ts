/** A checkpoint that captions image files. */
import type { BackendOptions } from '../backend/index.js';
import { loadCheckpoint, type Checkpoint } from '../checkpoint/index.js';
import { UserError } from '../core/index.js';
import { imageSize, prefetch, stackPixels } from '../data/index.js';
import { seenRegion, type AttendedCaption, type Size } from './attention/index.js';
import { captionOf } from './captions.js';
import { decode, resolveSearch, type DecodedCaption, type DecodeOptions } from './decoding/index.js';
import { prepareInference } from './device.js';
import { encodePixels } from './features.js';
import { prepareImage, type PreparedImage } from './prepare.js';
import { inVocabulary, type CaptionSearch } from './search.js';

/** Images that are encoded and decoded together. */
export const defaultBatch = 16;

export interface CaptionOptions extends CaptionSearch {
  /** Whether to say where the decoder looked; false by default. Refused for a decoder without attention. */
  attention?: boolean;
}

/** The best caption of an image. */
export interface ImageCaption extends AttendedCaption {
  /** The next best, best first, when more `captions` than one are asked for; a beam may find fewer. */
  alternatives: AttendedCaption[];
}

export class Captioner {
  private constructor(readonly checkpoint: Checkpoint) {}

  /**
   * Reads a checkpoint and prepares what computes.
   * @throws UserError that names what is wrong with the checkpoint
   */
  static async load(directory: string, device: BackendOptions = {}): Promise<Captioner> {
    await prepareInference(device);
    return new Captioner(loadCheckpoint(directory));
  }

  /**
   * The best caption of one image, and others if they are asked for.
   * @param image a path, or the bytes of an image file
   * @throws UserError for an image that cannot be read, or an option that does not fit
   */
  async caption(image: string | Uint8Array, options: CaptionOptions = {}): Promise<ImageCaption> {
    const search = this.check(options);
    const [caption] = this.captionBatch([await prepareImage(image, this.checkpoint.config.image)], search);
    return caption;
  }

  /**
   * Captions of one batch of prepared images, in their order.
   * @param onWords told after every step of the likeliest caption so far of each image that is still at work
   * @throws UserError for an option that does not fit
   */
  captionPrepared(
    images: readonly PreparedImage[],
    options: CaptionOptions = {},
    onWords?: (image: number, words: string[]) => void,
  ): ImageCaption[] {
    const search = this.check(options);
    if (!onWords) return this.captionBatch(images, search);
    const { vocabulary } = this.checkpoint;
    return this.captionBatch(images, {
      ...search,
      onWords: (image, ids) =>
        onWords(
          image,
          ids.map((id) => vocabulary.wordOf(id)),
        ),
    });
  }

  /**
   * Captions of many images, in their order, in batches; the next images are decoded meanwhile. An image that cannot
   * be read gives its error, and the others go on. Sampling draws by the image's path, or its bytes, and the seed.
   */
  async *captionAll<T extends string | Uint8Array>(
    images: Iterable<T>,
    options: CaptionOptions = {},
  ): AsyncGenerator<{ image: T; caption: ImageCaption } | { image: T; error: UserError }> {
    const search = this.check(options);
    type Read = { image: T } & (PreparedImage | { error: UserError });
    const read = async (image: T): Promise<Read> => {
      try {
        return { image, ...(await prepareImage(image, this.checkpoint.config.image)) };
      } catch (error) {
        if (error instanceof UserError) return { image, error };
        throw error;
      }
    };
    let batch: Read[] = [];
    for await (const one of prefetch(images, () => defaultBatch, read)) {
      batch.push(one);
      if (batch.length < defaultBatch) continue;
      yield* this.captionRead(batch, search);
      batch = [];
    }
    yield* this.captionRead(batch, search);
  }

  private *captionRead<T extends string | Uint8Array>(
    batch: ({ image: T } & (PreparedImage | { error: UserError }))[],
    search: DecodeOptions,
  ) {
    const captions = this.captionBatch(
      batch.filter((one) => 'pixels' in one),
      search,
    ).values();
    for (const one of batch) {
      if ('error' in one) yield { image: one.image, error: one.error };
      else yield { image: one.image, caption: captions.next().value! };
    }
  }

  /** The options in ids; everything that can be wrong with them is found before an image is read. */
  private check({ attention, ...search }: CaptionOptions): DecodeOptions {
    const { config, decoder, directory, vocabulary } = this.checkpoint;
    if (attention && decoder.features !== 'map') {
      throw new UserError(`${directory} has the decoder "${decoder.type}", which has no attention to show`, {
        hint: 'use a checkpoint with the decoder "soft-attention"',
      });
    }
    const options = inVocabulary(search, vocabulary, config.text.tokenizer);
    resolveSearch(options);
    return { ...options, attention };
  }

  private captionBatch(images: readonly PreparedImage[], search: DecodeOptions): ImageCaption[] {
    if (images.length === 0) return [];
    const { config, encoder, decoder, vocabulary } = this.checkpoint;
    const pixels = stackPixels(images.map((image) => image.pixels));
    const features = encodePixels(encoder, decoder, config, pixels);
    const [height, width] = encoder.outputShape(...imageSize(config.image), config.encoder.stage);
    const attended = (caption: DecodedCaption, photo: Size): AttendedCaption => ({
      ...captionOf(caption, vocabulary),
      ...(search.attention && {
        attention: {
          height,
          width,
          // A caption without a word looked nowhere.
          maps: caption.attention ?? [],
          photo,
          region: seenRegion(photo, config.image),
        },
      }),
    });
    try {
      const decoded = decode(decoder, features, { ...search, keys: images.map(({ key }) => key) });
      return decoded.map(([best, ...others], i) => ({
        ...attended(best, images[i].photo),
        alternatives: others.map((caption) => attended(caption, images[i].photo)),
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
