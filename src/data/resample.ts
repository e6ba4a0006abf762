/**
 * Pillow's image resize, byte for byte (src/libImaging/Resample.c): a separable filter whose support grows with
 * the reduction (antialiasing), coefficients in fixed point with 22 fraction bits, a horizontal pass rounded to
 * 8 bits, then a vertical pass. What differs: only a window of the result is computed, so that a centre crop
 * costs no pixels that it throws away.
 */
import type { RgbImage } from './image.js';
import { passes, type EvenTaps } from './resample-passes.js';

export type Interpolation = 'bilinear' | 'bicubic';

/** A part of the resized image, in its pixels. */
export interface Window {
  left: number;
  top: number;
  width: number;
  height: number;
}

const PRECISION_BITS = 22;
const ONE = 2 ** PRECISION_BITS;

function triangle(x: number): number {
  x = Math.abs(x);
  return x < 1 ? 1 - x : 0;
}

/** Keys' cubic convolution with a = -0.5. */
function cubic(x: number): number {
  const a = -0.5;
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

const filters = {
  bilinear: { support: 1, at: triangle },
  bicubic: { support: 2, at: cubic },
};

interface Taps {
  /** most source pixels that one output pixel uses */
  stride: number;
  /** first source pixel of each output pixel */
  first: Int32Array;
  /** number of source pixels of each output pixel */
  count: Int32Array;
  /** fixed-point coefficients, `stride` for each output pixel */
  weights: Int32Array;
}

/** Taps of the output pixels start..start+length-1 when `from` pixels are resized to `to`. */
function tapsOf(from: number, to: number, start: number, length: number, filter: Interpolation): Taps {
  const { support: radius, at } = filters[filter];
  const scale = from / to;
  const filterScale = Math.max(scale, 1);
  const support = radius * filterScale;
  const stride = Math.ceil(support) * 2 + 1;
  const taps: Taps = {
    stride,
    first: new Int32Array(length),
    count: new Int32Array(length),
    weights: new Int32Array(length * stride),
  };
  const unrounded = new Float64Array(stride);
  for (let i = 0; i < length; i++) {
    const centre = (start + i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(from, Math.trunc(centre + support + 0.5)) - first;
    let sum = 0;
    for (let t = 0; t < count; t++) {
      unrounded[t] = at((t + first - centre + 0.5) * (1 / filterScale));
      sum += unrounded[t];
    }
    taps.first[i] = first;
    taps.count[i] = count;
    for (let t = 0; t < count; t++) {
      const weight = sum === 0 ? unrounded[t] : unrounded[t] / sum;
      taps.weights[i * stride + t] = Math.trunc(weight < 0 ? weight * ONE - 0.5 : weight * ONE + 0.5);
    }
  }
  return taps;
}

/** The same taps, equally many for every pixel: those that it lacks weigh nothing. */
function evenTaps({ stride, first, count, weights }: Taps, from: number): EvenTaps {
  const taps = count.reduce((most, each) => Math.max(most, each), 0);
  const even = { taps, first: first.slice(), weights: new Int32Array(taps * first.length) };
  for (let i = 0; i < first.length; i++) {
    even.first[i] = Math.min(first[i], from - taps);
    const shift = first[i] - even.first[i];
    for (let t = 0; t < count[i]; t++) even.weights[taps * i + shift + t] = weights[i * stride + t];
  }
  return even;
}

/**
 * The part `window` of `image` resized to width x height. The result shares its pixels with `image` when there is
 * nothing to do.
 */
export function resize(
  image: RgbImage,
  width: number,
  height: number,
  filter: Interpolation,
  window: Window = { left: 0, top: 0, width, height },
): RgbImage {
  const sameWidth = width === image.width;
  if (height === image.height) {
    if (sameWidth) return crop(image, window);
    const columns = tapsOf(image.width, width, window.left, window.width, filter);
    return passes(image, { top: window.top, rows: window.height }, evenTaps(columns, image.width));
  }
  const rows = tapsOf(image.height, height, window.top, window.height, filter);
  // Source rows that the vertical pass will read.
  const last = window.height - 1;
  const read = { top: rows.first[0], rows: rows.first[last] + rows.count[last] - rows.first[0] };
  const down = evenTaps({ ...rows, first: rows.first.map((row) => row - read.top) }, read.rows);
  if (sameWidth) {
    const part = crop(image, { ...window, top: read.top, height: read.rows });
    return passes(part, { top: 0, rows: read.rows }, undefined, down);
  }
  const columns = tapsOf(image.width, width, window.left, window.width, filter);
  return passes(image, read, evenTaps(columns, image.width), down); // (window.height, window.width, 3)
}

/** The part `window`; the image itself when that is all of it. */
export function crop(image: RgbImage, window: Window): RgbImage {
  const { left, top, width, height } = window;
  if (width === image.width && height === image.height) return image;
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(start, start + width * 3), y * width * 3);
  }
  return { width, height, data };
}
