/**
 * torchvision's preprocessing of classification models up to pixels: Resize > CenterCrop with the same roundings.
 * ToTensor > Normalize follow on the device (infer/features.ts).
 */
import type { ImageConfig } from '../config/index.js';
import { UserError } from '../core/index.js';
import type { RgbImage } from './image.js';
import { resize } from './resample.js';

/** [height, width] of what `resizeAndCrop` gives; an error when images of different shape give different sizes. */
export function imageSize(config: ImageConfig): [height: number, width: number] {
  if (config.crop !== null) return [config.crop, config.crop];
  if (typeof config.resize !== 'number') return [config.resize[0], config.resize[1]];
  throw new UserError(`image.resize ${config.resize} without image.crop gives images of different sizes.`, {
    hint: `Set image.crop, or image.resize: [${config.resize}, ${config.resize}].`,
  });
}

/** Size after Resize: of a single number the shorter side gets it, the longer one is cut to whole pixels. */
function resizedSize(image: RgbImage, target: ImageConfig['resize']): [height: number, width: number] {
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

/** Where a crop of `target` pixels lies along a side of `size`: source start, length, and zeros before it. */
function cropSpan(size: number, target: number): { start: number; length: number; before: number } {
  if (target > size) return { start: 0, length: size, before: Math.floor((target - size) / 2) };
  return { start: roundHalfToEven((size - target) / 2), length: target, before: 0 };
}

/** Resize and CenterCrop. A side that is shorter than the crop is padded with black, as torchvision does. */
export function resizeAndCrop(image: RgbImage, config: ImageConfig): RgbImage {
  const [height, width] = resizedSize(image, config.resize);
  const rows = cropSpan(height, config.crop ?? height);
  const columns = cropSpan(width, config.crop ?? width);
  const part = resize(image, width, height, config.interpolation, {
    left: columns.start,
    top: rows.start,
    width: columns.length,
    height: rows.length,
  });
  const side = config.crop;
  if (side === null || (part.width === side && part.height === side)) return part;
  const data = new Uint8Array(side * side * 3);
  for (let y = 0; y < part.height; y++) {
    const row = part.data.subarray(y * part.width * 3, (y + 1) * part.width * 3);
    data.set(row, ((rows.before + y) * side + columns.before) * 3);
  }
  return { width: side, height: side, data };
}

/** Images of one size as one array (B, H, W, 3). */
export function stackPixels(images: readonly RgbImage[]): Uint8Array {
  const length = images.length === 0 ? 0 : images[0].data.length;
  const result = new Uint8Array(images.length * length);
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
