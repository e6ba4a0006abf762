/**
 * Random changes of training images, as torchvision's RandomResizedCrop, RandomHorizontalFlip and ColorJitter do them to
 * Pillow images, with Pillow's arithmetic (ImageEnhance.py, Blend.c), so that the same draws give the same bytes.
 */
import type { AugmentConfig, ImageConfig } from '../config/index.js';
import type { Random } from '../core/index.js';
import type { RgbImage } from './image.js';
import { imageSize, resizeAndCrop } from './preprocess.js';
import { crop, resize, type Window } from './resample.js';

/** Width over height of a random crop. */
const RATIOS = [3 / 4, 4 / 3];
/** Draws of a crop before the largest central one of a permitted ratio is taken. */
const TRIES = 10;

/** Whether anything is changed at random. */
export function augments(config: AugmentConfig): boolean {
  return config.flip > 0 || config.crop < 1 || config.brightness + config.contrast + config.saturation > 0;
}

/** An image as the encoder takes it, changed at random: `crop` below 1 replaces the configured resize and crop. */
export function augment(
  image: RgbImage,
  config: AugmentConfig,
  imageConfig: ImageConfig,
  random: Random,
): RgbImage {
  let result: RgbImage;
  if (config.crop < 1) {
    const [height, width] = imageSize(imageConfig);
    const part = crop(image, drawCrop(image, config.crop, random));
    result = resize(part, width, height, imageConfig.interpolation);
  } else result = resizeAndCrop(image, imageConfig);
  if (random.next() < config.flip) result = flipped(result);
  const changes = (['brightness', 'contrast', 'saturation'] as const).filter((name) => config[name] > 0);
  for (const name of random.shuffle(changes)) {
    const factor = 1 + (2 * random.next() - 1) * config[name];
    result = enhance(result, name, factor);
  }
  return result;
}

/** A part with a share of the area drawn from [smallest, 1] and a ratio drawn log-uniformly. */
function drawCrop({ width, height }: RgbImage, smallest: number, random: Random): Window {
  const [low, high] = RATIOS.map(Math.log);
  for (let i = 0; i < TRIES; i++) {
    const area = width * height * (smallest + (1 - smallest) * random.next());
    const ratio = Math.exp(low + (high - low) * random.next());
    const w = Math.round(Math.sqrt(area * ratio));
    const h = Math.round(Math.sqrt(area / ratio));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const top = random.integer(height - h + 1);
    return { left: random.integer(width - w + 1), top, width: w, height: h };
  }
  const ratio = Math.min(Math.max(width / height, RATIOS[0]), RATIOS[1]);
  const w = Math.min(width, Math.max(1, Math.round(height * ratio)));
  const h = Math.min(height, Math.max(1, Math.round(width / ratio)));
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}

export function flipped({ width, height, data }: RgbImage): RgbImage {
  const result = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (y * width + x) * 3;
      const to = (y * width + width - 1 - x) * 3;
      result[to] = data[from];
      result[to + 1] = data[from + 1];
      result[to + 2] = data[from + 2];
    }
  }
  return { width, height, data: result };
}

/** Pillow's ITU-R 601-2 luma. */
function luma(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}

/**
 * Away from (factor above 1) or towards (below 1) black, the mean grey, or the image's own greys:
 * Pillow's ImageEnhance.Brightness, .Contrast and .Color.
 */
export function enhance(
  image: RgbImage,
  what: 'brightness' | 'contrast' | 'saturation',
  factor: number,
): RgbImage {
  const { width, height, data } = image;
  const alpha = Math.fround(factor);
  const result = new Uint8Array(data.length);
  // Float32 as in Pillow; above 1 values leave the range and are clipped, and the rest is cut off.
  const blend = (from: number, to: number): number => {
    const value = Math.fround(from + Math.fround(alpha * (to - from)));
    return value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value);
  };
  if (what === 'saturation') {
    for (let i = 0; i < data.length; i += 3) {
      const grey = luma(data[i], data[i + 1], data[i + 2]);
      for (let channel = i; channel < i + 3; channel++) result[channel] = blend(grey, data[channel]);
    }
  } else {
    const grey = what === 'contrast' ? meanLuma(data) : 0;
    for (let i = 0; i < data.length; i++) result[i] = blend(grey, data[i]);
  }
  return { width, height, data: result };
}

function meanLuma(data: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) sum += luma(data[i], data[i + 1], data[i + 2]);
  return Math.trunc(sum / (data.length / 3) + 0.5);
}
