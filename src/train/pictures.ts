/** Pictures of what the decoder looked at for each word, for the first images of the validation split. */
import { join } from 'node:path';
import sharp from 'sharp';
import type { Config } from '../config/index.js';
import { decodeImage, imageSize } from '../data/index.js';
import { attentionPicture, captionOf, decode, seenRegion, type Caption } from '../infer/index.js';
import type { TrainingData } from './data.js';
import type { Optional } from './optional.js';

/** Images that get a picture after each epoch. */
const PICTURES = 2;

/** A greedy caption with its maps, before the photo is looked at. */
export interface AttendedSample {
  image: string;
  caption: Caption;
  height: number;
  width: number;
  /** Of each word, (height x width) weights, row by row. */
  maps: Float32Array[];
}

export interface AttentionPicture {
  image: string;
  png: Buffer;
}

/**
 * Free-running greedy captions with their attention; none of a decoder without it. Draws no random number, changes no
 * weight, leaves no tensor.
 */
export async function attendSamples(
  config: Pick<Config, 'encoder' | 'image' | 'validation'>,
  data: Pick<TrainingData, 'decoder' | 'encoder' | 'sources' | 'validation' | 'vocabulary'>,
  epoch: number,
): Promise<AttendedSample[]> {
  const { decoder, encoder, sources, vocabulary } = data;
  if (decoder.features !== 'map') return [];
  const images = data.validation.slice(0, PICTURES).map(({ image }) => image);
  const [height, width] = encoder.outputShape(...imageSize(config.image), config.encoder.stage);
  const features = await sources.validation(epoch).features(images); // (B, P, C)
  try {
    const decoded = decode(decoder, features, { maxWords: config.validation.maxWords, attention: true });
    return decoded.map(([best], i) => ({
      image: images[i],
      caption: captionOf(best, vocabulary),
      ...{ height, width, maps: best.attention ?? [] },
    }));
  } finally {
    features.dispose();
  }
}

/** Leaves out an image that cannot be read any more. */
export async function drawPictures(
  config: Pick<Config, 'data' | 'image'>,
  samples: readonly AttendedSample[],
  optional: Optional,
): Promise<AttentionPicture[]> {
  const pictures: AttentionPicture[] = [];
  for (const { image, caption, height, width, maps } of samples) {
    const png = await optional.attempt(async () => {
      const path = join(config.data.images, image);
      const { width: across, height: down } = await decodeImage(path);
      const photo = { width: across, height: down };
      const region = seenRegion(photo, config.image);
      const attention = { height, width, maps, photo, region };
      const picture = await attentionPicture(path, { ...caption, attention });
      // 256 colours: a third of the bytes, which add up over the epochs.
      return sharp(picture).png({ palette: true, effort: 1 }).toBuffer();
    });
    if (png) pictures.push({ image, png });
  }
  return pictures;
}
