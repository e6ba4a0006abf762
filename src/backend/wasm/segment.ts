/** UnsortedSegmentSum for WebAssembly: the gradient of `gather`, and so of every embedding. */
import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { tf } from '../tf.js';
import { replaceKernel } from './replace.js';
import type { WasmBackend } from './types.js';

export function registerUnsortedSegmentSum(): void {
  replaceKernel(tf.UnsortedSegmentSum, unsortedSegmentSum);
}

/** x (N, ...), segmentIds (N) -> (numSegments, ...); an id outside [0, numSegments) is left out. */
const unsortedSegmentSum: KernelFunc = ({ inputs, attrs, backend }) => {
  const { x, segmentIds } = inputs as { x: TensorInfo; segmentIds: TensorInfo };
  const { numSegments } = attrs as unknown as { numSegments: number };
  const wasm = backend as WasmBackend;
  const inner = x.shape.slice(segmentIds.shape.length);
  const size = inner.reduce((a, b) => a * b, 1);
  const out = wasm.makeOutput([numSegments, ...inner], x.dtype);
  // Views of the heap are taken after the allocation, which may move it.
  const sums = wasm.typedArrayFromHeap(out).fill(0);
  const values = wasm.typedArrayFromHeap(x);
  const ids = wasm.typedArrayFromHeap(segmentIds);
  ids.forEach((id, row) => {
    if (id < 0 || id >= numSegments) return;
    const from = row * size;
    const to = id * size;
    for (let i = 0; i < size; i++) sums[to + i] += values[from + i];
  });
  return out;
};
