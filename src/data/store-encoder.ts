/**
 * The encoding half of a feature store. Several processes take turns: of batches in the order of the images, each takes
 * every n-th, so that a batch holds the same images as if one process encoded all of them.
 */
import { createHash } from 'node:crypto';
import { toHalf, UserError } from '../core/index.js';
import type { ImageConfig } from '../config/index.js';
import { loadImages } from './image-loader.js';
import type { RgbImage } from './image.js';
import { stackPixels } from './preprocess.js';
import type { StoredImage } from './store-journal.js';

/** The processes that build a store together: of `World` in src/distributed, what that takes. */
export interface Team {
  readonly rank: number;
  readonly size: number;
  /** What each of them gives, by rank. */
  gather(text: string): string[];
  /** The same of bytes, for rank 0 alone. */
  collect(bytes: Uint8Array): Uint8Array[];
}

export const noTeam: Team = { rank: 0, size: 1, gather: (text) => [text], collect: (bytes) => [bytes] };

export type FileFacts = Pick<StoredImage, 'size' | 'mtimeMs'>;

/** An image whose file was read. */
export interface Hashed {
  image: string;
  facts: FileFacts & { hash: string };
}

/** What a process did in its turn, as JSON takes it. */
export interface EncodedBatch {
  encoded: Hashed[];
  /** Of a content that is in the store already. */
  known: Hashed[];
  bad: { image: string; message: string }[];
  /** Why no process can go on. */
  failure?: { message: string; hint?: string };
}

export interface EncoderOptions {
  imageDirectory: string;
  imageConfig: ImageConfig;
  /** of one image, for instance [7, 7, 576] */
  featureShape: readonly number[];
  /** features (count, ...featureShape) of `count` images (count, H, W, 3), whose memory is used again afterwards */
  encode: (pixels: Uint8Array, count: number) => Float32Array | Promise<Float32Array>;
  batchSize: number;
  /** Asked before a file is read, so that one that changes meanwhile is looked at again next time. */
  factsOf: (image: string) => FileFacts;
  /** Whether a content, by its hash, needs no encoding. */
  knows: (hash: string) => boolean;
  team: Pick<Team, 'rank' | 'size'>;
}

/**
 * This process's turns, as many as any process has.
 * @param images of all processes
 */
export async function* encodeShare(
  images: readonly string[],
  options: EncoderOptions,
): AsyncGenerator<{ batch: EncodedBatch; records: Uint8Array }> {
  const { imageDirectory, imageConfig, batchSize, knows, team } = options;
  const batches = Array.from({ length: Math.ceil(images.length / batchSize) }, (_, i) =>
    images.slice(i * batchSize, (i + 1) * batchSize),
  );
  const own = batches.filter((_, i) => i % team.size === team.rank);
  const facts = new Map(own.flat().map((image) => [image, options.factsOf(image)]));
  const loaded = loadImages({
    images: own.flat(),
    imageDirectory,
    imageConfig,
    ahead: 2 * batchSize,
    prepare: (image, bytes) => {
      const hash = createHash('sha256').update(bytes).digest('hex');
      return { prepared: { ...facts.get(image)!, hash }, needed: !knows(hash) };
    },
  });
  let memory: Uint8Array | undefined;
  try {
    for (let turn = 0; turn < Math.ceil(batches.length / team.size); turn++) {
      const batch: EncodedBatch = { encoded: [], known: [], bad: [] };
      const pixels: RgbImage[] = [];
      for (let left = own[turn]?.length ?? 0; left > 0; left--) {
        const { value: item } = (await loaded.next()) as { value: Loaded };
        if ('error' in item) batch.bad.push({ image: item.image, message: item.error.message });
        else if (!item.pixels || knows(item.prepared.hash)) {
          batch.known.push({ image: item.image, facts: item.prepared });
        } else {
          batch.encoded.push({ image: item.image, facts: item.prepared });
          pixels.push(item.pixels);
        }
      }
      const stacked = stackPixels(pixels, memory);
      if (stacked.length > (memory?.length ?? 0)) memory = stacked;
      yield await encodeBatch(batch, stacked, options);
    }
  } finally {
    await loaded.return(undefined);
  }
}

type Loaded =
  { image: string; prepared: Hashed['facts']; pixels: RgbImage | null } | { image: string; error: UserError };

async function encodeBatch(
  batch: EncodedBatch,
  pixels: Uint8Array,
  { encode, featureShape }: EncoderOptions,
): Promise<{ batch: EncodedBatch; records: Uint8Array }> {
  const count = batch.encoded.length;
  if (count === 0) return { batch, records: new Uint8Array(0) };
  const features = await encode(pixels, count); // (B, ...featureShape)
  const size = featureShape.reduce((a, b) => a * b, 1);
  if (features.length !== count * size) {
    throw new Error(
      `the encoder gave ${features.length} numbers for ${count} images of features [${featureShape}]`,
    );
  }
  const records = new Uint16Array(features.length); // (B, ...featureShape)
  const bad = toHalf(features, records);
  if (bad === -1) return { batch, records: new Uint8Array(records.buffer) };
  const good = Math.floor(bad / size);
  const { image } = batch.encoded[good];
  return {
    batch: {
      ...batch,
      encoded: batch.encoded.slice(0, good),
      failure: {
        message: `The features of the image ${image} are not finite (element ${bad % size}).`,
        hint: 'Check encoder.weights: they may be damaged or belong to another architecture.',
      },
    },
    records: new Uint8Array(records.buffer, 0, 2 * good * size),
  };
}
