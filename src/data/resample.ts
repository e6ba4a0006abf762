/**
 * Pillow's image resize, byte for byte (src/libImaging/Resample.c): a separable filter whose support grows with
 * the reduction (antialiasing), coefficients in fixed point with 22 fraction bits, a horizontal pass rounded to
 * 8 bits, then a vertical pass. What differs: only a window of the result is computed, so that a centre crop
 * costs no pixels that it throws away.
 */
import type { RgbImage } from './image.js';

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
const HALF = 2 ** (PRECISION_BITS - 1);

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

/** The same taps, four for every pixel, where that is enough: for usual reductions, which then need no inner loop. */
function fourTaps({ stride, first, count, weights }: Taps, from: number): Taps | undefined {
  if (from < 4 || count.some((each) => each > 4)) return undefined;
  const four: Taps = { stride: 4, first: first.slice(), count, weights: new Int32Array(4 * first.length) };
  for (let i = 0; i < first.length; i++) {
    four.first[i] = Math.min(first[i], from - 4);
    const shift = first[i] - four.first[i]; // weights before and behind are zero
    for (let t = 0; t < count[i]; t++) four.weights[4 * i + shift + t] = weights[i * stride + t];
  }
  return four;
}

function clip8(sum: number): number {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/** Rows `top`..`top + rows - 1` of `image`, each reduced to the columns of `taps`. */
function horizontal(image: RgbImage, top: number, rows: number, columns: number, taps: Taps): RgbImage {
  const { data: source, width } = image;
  const { first, count, weights, stride } = taps;
  const data = new Uint8Array(rows * columns * 3);
  const four = fourTaps(taps, width);
  if (four) {
    horizontalFour(source, top * width * 3, width * 3, four, data);
    return { width: columns, height: rows, data };
  }
  let out = 0;
  for (let y = 0; y < rows; y++) {
    const row = (top + y) * width * 3;
    for (let x = 0; x < columns; x++) {
      let pixel = row + first[x] * 3;
      let weight = x * stride;
      const end = weight + count[x];
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (; weight < end; weight++, pixel += 3) {
        const w = weights[weight];
        red = (red + Math.imul(source[pixel], w)) | 0;
        green = (green + Math.imul(source[pixel + 1], w)) | 0;
        blue = (blue + Math.imul(source[pixel + 2], w)) | 0;
      }
      data[out++] = clip8(red);
      data[out++] = clip8(green);
      data[out++] = clip8(blue);
    }
  }
  return { width: columns, height: rows, data };
}

// Every sum is written out, and cut to 32 bits on the way: V8 then computes with whole numbers.

/** Rows that begin at byte `start`, `rowBytes` apart, as many as `data` has place for. */
function horizontalFour(
  source: Uint8Array,
  start: number,
  rowBytes: number,
  { first, weights }: Taps,
  data: Uint8Array,
): void {
  const columns = first.length;
  for (let row = start, out = 0; out < data.length; row += rowBytes) {
    for (let x = 0; x < columns; x++, out += 3) {
      const w = x * 4;
      const w0 = weights[w];
      const w1 = weights[w + 1];
      const w2 = weights[w + 2];
      const w3 = weights[w + 3];
      for (let p = (row + first[x] * 3) | 0, channel = 0; channel < 3; channel++, p++) {
        const left = (Math.imul(source[p], w0) + Math.imul(source[p + 3], w1)) | 0;
        const right = (Math.imul(source[p + 6], w2) + Math.imul(source[p + 9], w3)) | 0;
        data[out + channel] = clip8((HALF + ((left + right) | 0)) | 0);
      }
    }
  }
}

/** `image` reduced to the rows of `taps`; its row 0 is row `top` of the source. */
function vertical(image: RgbImage, top: number, rows: number, taps: Taps): RgbImage {
  const { data: source, width } = image;
  const { first, count, weights, stride } = taps;
  const rowBytes = width * 3;
  const data = new Uint8Array(rows * rowBytes);
  const four = fourTaps({ ...taps, first: first.map((row) => row - top) }, image.height);
  if (four) {
    verticalFour(source, rowBytes, four, data);
    return { width, height: rows, data };
  }
  for (let y = 0; y < rows; y++) {
    const start = (first[y] - top) * rowBytes;
    const weight = y * stride;
    const end = weight + count[y];
    const out = y * rowBytes;
    for (let i = 0; i < rowBytes; i++) {
      let sum = HALF;
      for (let w = weight, byte = start + i; w < end; w++, byte += rowBytes) {
        sum = (sum + Math.imul(source[byte], weights[w])) | 0;
      }
      data[out + i] = clip8(sum);
    }
  }
  return { width, height: rows, data };
}

/** Rows that are sums of four rows each. */
function verticalFour(
  source: Uint8Array,
  rowBytes: number,
  { first, weights }: Taps,
  data: Uint8Array,
): void {
  for (let y = 0, out = 0; y < first.length; y++) {
    const w = 4 * y;
    const w0 = weights[w];
    const w1 = weights[w + 1];
    const w2 = weights[w + 2];
    const w3 = weights[w + 3];
    const start = (first[y] * rowBytes) | 0;
    const end = (start + rowBytes) | 0;
    for (let p = start; p < end; p++, out++) {
      const above = (Math.imul(source[p], w0) + Math.imul(source[(p + rowBytes) | 0], w1)) | 0;
      const below =
        (Math.imul(source[(p + 2 * rowBytes) | 0], w2) + Math.imul(source[(p + 3 * rowBytes) | 0], w3)) | 0;
      data[out] = clip8((HALF + ((above + below) | 0)) | 0);
    }
  }
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
  const columns = tapsOf(image.width, width, window.left, window.width, filter);
  const rows = tapsOf(image.height, height, window.top, window.height, filter);
  const sameHeight = height === image.height;
  // Source rows that the vertical pass will read.
  const top = sameHeight ? window.top : rows.first[0];
  const last = window.height - 1;
  const needed = sameHeight ? window.height : rows.first[last] + rows.count[last] - top;

  let result: RgbImage;
  if (width === image.width) result = crop(image, { ...window, top, height: needed });
  else result = horizontal(image, top, needed, window.width, columns); // (needed, window.width, 3)
  return sameHeight ? result : vertical(result, top, window.height, rows); // (window.height, window.width, 3)
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
