/**
 * torchvision's preprocessing of classification models up to pixels: Resize > CenterCrop with the same roundings.
 * ToTensor > Normalize follow on the device (infer/features.ts).
 */
import type { ImageConfig } from '../config/index.js';
import { UserError } from '../core/index.js';
import type { RgbImage } from './image.js';
import { resize, type Window } from './resample.js';

/** [height, width] of what `resizeAndCrop` gives; an error when images of different shape give different sizes. */
export function imageSize(config: ImageConfig): [height: number, width: number] {
  if (config.crop !== null) return [config.crop, config.crop];
  if (typeof config.resize !== 'number') return [config.resize[0], config.resize[1]];
  throw new UserError(`image.resize ${config.resize} without image.crop gives images of different sizes.`, {
    hint: `Set image.crop, or image.resize: [${config.resize}, ${config.resize}].`,
  });
}

/** Size after Resize: of a single number the shorter side gets it, the longer one is cut to whole pixels. */
function resizedSize(
  image: { width: number; height: number },
  target: ImageConfig['resize'],
): [height: number, width: number] {
  if (typeof target !== 'number') return [target[0], target[1]];
  const { width, height } = image;
  return width <= height
    ? [Math.trunc((target * height) / width), target]
    : [target, Math.trunc((target * width) / height)];
}

/** Python's `round`: halves go to the even neighbour. */
function roundHalfToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * Where a crop of `target` pixels begins along a side of `size`. Negative where the side is padded; of an odd number of
 * black pixels the last comes behind the image.
 */
function cropStart(size: number, target: number): number {
  return target > size ? Math.floor((size - target + 1) / 2) : roundHalfToEven((size - target) / 2);
}

/** What Resize and CenterCrop do to an image, in pixels of the resized image. */
export interface Placement {
  /** Of the whole image after Resize. */
  resized: { width: number; height: number };
  /** What is cut out; it reaches beyond the resized image where CenterCrop pads with black. */
  crop: Window;
}

/** Where `resizeAndCrop` takes its result from, for an image of that size. */
export function placeImage(image: { width: number; height: number }, config: ImageConfig): Placement {
  const [height, width] = resizedSize(image, config.resize);
  const crop = { width: config.crop ?? width, height: config.crop ?? height };
  return {
    resized: { width, height },
    crop: { left: cropStart(width, crop.width), top: cropStart(height, crop.height), ...crop },
  };
}

/** Resize and CenterCrop. A side that is shorter than the crop is padded with black, as torchvision does. */
export function resizeAndCrop(image: RgbImage, config: ImageConfig): RgbImage {
  const { resized, crop } = placeImage(image, config);
  const part = resize(image, resized.width, resized.height, config.interpolation, {
    left: Math.max(0, crop.left),
    top: Math.max(0, crop.top),
    width: Math.min(crop.width, resized.width),
    height: Math.min(crop.height, resized.height),
  });
  if (part.width === crop.width && part.height === crop.height) return part;
  const data = new Uint8Array(crop.width * crop.height * 3);
  const [left, top] = [Math.max(0, -crop.left), Math.max(0, -crop.top)]; // black before the image
  for (let y = 0; y < part.height; y++) {
    const row = part.data.subarray(y * part.width * 3, (y + 1) * part.width * 3);
    data.set(row, ((top + y) * crop.width + left) * 3);
  }
  return { width: crop.width, height: crop.height, data };
}

/**
 * Images of one size as one array (B, H, W, 3).
 * @param memory the result lies there where it has room; an array from before saves making one
 */
export function stackPixels(images: readonly RgbImage[], memory?: Uint8Array): Uint8Array {
  const length = images.length === 0 ? 0 : images[0].data.length;
  const size = images.length * length;
  const result = memory && memory.length >= size ? memory.subarray(0, size) : new Uint8Array(size);
  images.forEach(({ width, height, data }, n) => {
    if (width !== images[0].width || height !== images[0].height) {
      throw new Error(
        `a batch of ${images[0].width}x${images[0].height} images holds one of ${width}x${height}`,
      );
    }
    result.set(data, n * length);
  });
  return result;
}
