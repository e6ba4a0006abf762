/** From images to what a decoder takes: through a feature store on disk, or by encoding pixels when asked. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { byteTensor, floatsFromBytes, hasKernels, inBfloat16, kernel, tf } from '../backend/index.js';
import type { Config } from '../config/index.js';
import type { Log } from '../core/index.js';
import { FeatureStore, imageSize, type ImageNames, type Team } from '../data/index.js';
import type { Decoder, Encoder } from '../models/index.js';

/** Gives the features of images by name. */
export interface FeatureSource {
  /** (B, P, C) or (B, C), in the order of `images`; the caller disposes of it. */
  features(images: readonly string[]): Promise<tf.Tensor>;
}

/** A feature map (B, H', W', C) as the decoder wants it: its places (B, P, C), or their mean (B, C). */
export function poolForDecoder(encoder: Encoder, decoder: Decoder, map: tf.Tensor4D): tf.Tensor {
  return inKind(encoder, decoder.features, map);
}

function inKind(encoder: Encoder, kind: 'map' | 'pooled', map: tf.Tensor4D): tf.Tensor {
  const [size, height, width, channels] = map.shape;
  return kind === 'pooled' ? encoder.pooled(map) : tf.reshape(map, [size, height * width, channels]);
}

/** ToTensor and Normalize of torchvision, (v / 255 - mean) / std, with its roundings: pixels (B, H, W, 3), as floats. */
export function normalizePixels(pixels: Uint8Array, image: Config['image']): tf.Tensor4D {
  const [height, width] = imageSize(image);
  const size = pixels.length / (height * width * 3);
  return tf.tidy(() => {
    if (hasKernels()) {
      const inputs = [
        byteTensor(pixels, [size * height, width * 3]),
        tf.tensor1d(image.mean),
        tf.tensor1d(image.std),
      ];
      return tf.reshape(kernel('Normalize', inputs, 1)[0], [size, height, width, 3]);
    }
    // A whole row of pixels at a time: TensorFlow is slow where the last axis, repeated, is as short as 3.
    const rows = floatsFromBytes(pixels, [size * height, width * 3]);
    const repeated = (channels: number[]) => tf.tile(tf.tensor1d(channels), [width]);
    const normalized = tf.div(tf.sub(tf.div(rows, 255), repeated(image.mean)), repeated(image.std));
    return tf.reshape(normalized, [size, height, width, 3]);
  });
}

/** Features of pixels (B, H, W, 3): (B, P, C) or (B, C). */
export function encodePixels(
  encoder: Encoder,
  decoder: Decoder,
  config: Pick<Config, 'image' | 'encoder'>,
  pixels: Uint8Array,
): tf.Tensor {
  return tf.tidy(() =>
    poolForDecoder(
      encoder,
      decoder,
      encoder.forward(normalizePixels(pixels, config.image), config.encoder.stage),
    ),
  );
}

export function storeSource(store: FeatureStore): FeatureSource {
  return {
    features: async (images) => tf.tensor(await store.read(images), [images.length, ...store.featureShape]),
  };
}

/** Names and values of the weights that features depend on. */
function weightsHash(encoder: Encoder): string {
  const hash = createHash('sha256');
  for (const [name, { shape, data }] of encoder.stateDict({ classifier: false })) {
    hash.update(`${name} ${shape.join('x')}\n`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

/**
 * The store of what a stage of the encoder gives, its maps or their means, with those of `images` in it; what is missing
 * is encoded now. The stages up to that one must be frozen.
 */
export function openFeatureStore(options: {
  config: Pick<Config, 'image' | 'data'>;
  encoder: Encoder;
  /** null: the last */
  stage: string | null;
  kind: 'map' | 'pooled';
  images: ImageNames;
  /** what they are known by, where their sizes and times have been looked at already */
  imageSet?: string;
  log: Log;
  cacheDirectory: string;
  signal?: AbortSignal;
  /** the processes that open it together */
  team?: Team;
}): Promise<FeatureStore> {
  const { config, encoder, stage, kind, images, imageSet, log, cacheDirectory, signal, team } = options;
  const [height, width] = imageSize(config.image);
  const [rows, columns, channels] = encoder.outputShape(height, width, stage);
  return FeatureStore.openOrBuild({
    directory: join(cacheDirectory, 'features'),
    key: {
      encoder: encoder.name,
      weightsHash: weightsHash(encoder),
      stage,
      kind,
      image: config.image,
      ...(inBfloat16() && { precision: 'bfloat16' }),
    },
    images,
    imageSet,
    imageDirectory: config.data.images,
    imageConfig: config.image,
    featureShape: kind === 'pooled' ? [channels] : [rows * columns, channels],
    async encode(pixels) {
      const features = tf.tidy(() =>
        inKind(encoder, kind, encoder.forward(normalizePixels(pixels, config.image), stage)),
      );
      const values = await features.data();
      features.dispose();
      return values as Float32Array;
    },
    onBadImage: config.data.onBadImage,
    log,
    signal,
    team,
  });
}
