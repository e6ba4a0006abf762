/** What parity tests share: PyTorch's numbers and the rule that rebuilds their inputs. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import { messageOf, Random } from '../src/core/index.js';
import type { CaptionedImage, CaptionedImages } from '../src/data/index.js';

const here = fileURLToPath(new URL('.', import.meta.url));

/** An array of a golden file: whole, or the elements at `index` of the flattened array. */
export interface GoldenArray {
  shape: number[];
  absmax: number;
  f32: string;
  index?: number[];
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- goldens are read field by field in the tests
export function readGolden(file: string): any {
  return JSON.parse(readFileSync(join(here, 'goldens', file), 'utf8'));
}

export function goldenValues(golden: GoldenArray): Float32Array {
  const bytes = Buffer.from(golden.f32, 'base64');
  return new Float32Array(new Uint8Array(bytes).buffer);
}

/** `n` numbers in [-1, 1) that depend on `name` alone. */
export function uniform(name: string, n: number): Float32Array {
  const random = Random.from(name);
  const values = new Float32Array(n);
  // A plain loop: the models of the goldens have tens of millions of numbers.
  for (let i = 0; i < n; i++) values[i] = 2 * random.next() - 1;
  return values;
}

/** The value that the goldens' models hold under a parameter's name, in PyTorch's layout. */
export function goldenParameter(name: string, shape: number[]): Float32Array {
  const n = shape.reduce((a, b) => a * b, 1);
  if (name.endsWith('num_batches_tracked')) return new Float32Array(n);
  const u = uniform(name, n);
  if (name.endsWith('running_var')) return u.map((x) => 1 + 0.5 * Math.abs(x));
  if (name.endsWith('running_mean')) return u.map((x) => 0.1 * x);
  if (shape.length >= 2) {
    const scale = Math.sqrt(3 / (n / shape[0]));
    return u.map((x) => x * scale);
  }
  return u.map(name.endsWith('weight') ? (x) => 1 + 0.1 * x : (x) => 0.1 * x);
}

/** Fails unless every element is within `tolerance` times the golden's largest magnitude. */
export function expectClose(actual: ArrayLike<number>, golden: GoldenArray, tolerance: number): void {
  const expected = goldenValues(golden);
  const size = golden.shape.reduce((a, b) => a * b, 1);
  expect(actual.length, `elements of shape ${golden.shape}`).toBe(size);
  let worst = 0;
  expected.forEach((value, i) => {
    const error = Math.abs(actual[golden.index ? golden.index[i] : i] - value);
    worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
  });
  expect(worst / golden.absmax).toBeLessThan(tolerance);
}

/** A path in the folder of shared photos and weights, or undefined where that folder is absent. */
export function sharedPath(...parts: string[]): string | undefined {
  const path = resolve(process.env.SHOWTELL_SHARED ?? join(here, '..', '..', 'shared'), ...parts);
  return existsSync(path) ? path : undefined;
}

/**
 * Prepares native TensorFlow and declares `cases` for it. Where SHOWTELL_BACKEND is wasm, or native TensorFlow cannot
 * be loaded, they are skipped and a line says why; SHOWTELL_BACKEND=native makes its absence a failure.
 */
export async function describeNative(
  cases: () => void,
  options: { precision?: 'float32' | 'bfloat16' } = {},
): Promise<void> {
  const reason = await whyNoNative(options);
  if (reason) process.stderr.write(`tests of native TensorFlow are skipped: ${reason}\n`);
  describe.skipIf(reason)(reason ? 'native TensorFlow (skipped)' : 'native TensorFlow', cases);
}

async function whyNoNative(options: { precision?: 'float32' | 'bfloat16' }): Promise<string | undefined> {
  const { SHOWTELL_BACKEND: wanted } = process.env;
  if (wanted === 'wasm') return 'SHOWTELL_BACKEND is wasm';
  // Imported here, because most tests that use this file need no backend.
  const { prepareBackend } = await import('../src/backend/index.js');
  try {
    await prepareBackend({ backend: 'native', ...options });
    return undefined;
  } catch (error) {
    if (wanted === 'native') throw error;
    return messageOf(error);
  }
}

/** Captions in memory, as the training takes them from a packed file. */
export function inMemory(images: readonly CaptionedImage[]): CaptionedImages {
  return {
    length: images.length,
    imageNames: () => images.map(({ image }) => image),
    captionsOf: (image) => images[image].captions,
  };
}
