/** The two passes of a resize, by SIMD (native/wasm/resample.c). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../core/index.js';
import type { RgbImage } from './image.js';

/** Each pixel of a line is a sum of `taps` pixels of the source. */
export interface EvenTaps {
  taps: number;
  /** first source pixel */
  first: Int32Array;
  /** (pixels, taps), with 22 bits of fraction */
  weights: Int32Array;
}

interface Kernels {
  memory: { buffer: ArrayBuffer; grow(pages: number): void };
  __heap_base: { value: number };
  horizontal(...call: number[]): void;
  vertical(...call: number[]): void;
}

/** So many bytes behind an image may be read and written. */
const SLACK = 16;
const PAGE = 65536;
/** WebAssembly's memory never gets smaller: more than this, in bytes, is not kept. */
const KEPT = 64 * 2 ** 20;

const compiled = () =>
  new WebAssembly.Module(readFileSync(join(packageRoot(), 'native', 'wasm', 'resample.wasm')));
let module: ReturnType<typeof compiled> | undefined;
let kept: Kernels | undefined;

function instance(): Kernels {
  module ??= compiled();
  return new WebAssembly.Instance(module, {}).exports as unknown as Kernels;
}

/**
 * Rows `top` .. `top + rows - 1` of `source`, first reduced to the columns of `across`, then to the rows of `down`; at least
 * one of them is given.
 */
export function passes(
  source: RgbImage,
  { top, rows }: { top: number; rows: number },
  across?: EvenTaps,
  down?: EvenTaps,
): RgbImage {
  const kernels = (kept ??= instance());
  const width = across?.first.length ?? source.width;
  const height = down?.first.length ?? rows;
  let end = kernels.__heap_base.value;
  const place = (bytes: number) => {
    const at = Math.ceil(end / SLACK) * SLACK;
    end = at + bytes + SLACK;
    return at;
  };
  const lists = [across, down].flatMap((taps) => (taps ? [taps.first, taps.weights] : []));
  const at = lists.map((list) => place(list.byteLength));
  const pixels = source.data.subarray(top * source.width * 3, (top + rows) * source.width * 3);
  const from = place(pixels.length);
  const between = across && down ? place(rows * width * 3) : from;
  const result = place(height * width * 3);
  const missing = end - kernels.memory.buffer.byteLength;
  if (missing > 0) kernels.memory.grow(Math.ceil(missing / PAGE));
  const memory = new Uint8Array(kernels.memory.buffer);
  const integers = new Int32Array(kernels.memory.buffer);
  lists.forEach((list, i) => integers.set(list, at[i] / 4));
  memory.set(pixels, from);
  if (across) {
    const to = down ? between : result;
    kernels.horizontal(from, source.width * 3, rows, at[0], at[1], across.taps, width, to);
  }
  if (down) {
    const [first, weights] = at.slice(-2);
    kernels.vertical(between, width * 3, height, first, weights, down.taps, result);
  }
  if (memory.length > KEPT) kept = undefined;
  return { width, height, data: memory.slice(result, result + height * width * 3) };
}
