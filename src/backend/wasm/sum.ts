/**
 * Sums and means over leading axes for WebAssembly, as BatchNorm and the gradients of biases take them. Its own kernels
 * transpose first and then add up row by row in one accumulator each; here every row is added to all sums at once.
 */
import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { tf } from '../tf.js';
import { wrapKernel } from './replace.js';
import { runSimdKernel } from './simd.js';
import type { WasmBackend } from './types.js';

interface ReductionAttributes {
  axis: number | number[];
  keepDims: boolean;
}

export function registerSums(): void {
  for (const kernelName of [tf.Sum, tf.Mean]) {
    wrapKernel(kernelName, (original) => overRows(original, kernelName === tf.Mean));
  }
}

function overRows(original: KernelFunc, mean: boolean): KernelFunc {
  return (parameters) => {
    const { x } = parameters.inputs as { x: TensorInfo };
    const { axis, keepDims } = parameters.attrs as unknown as ReductionAttributes;
    const axes = tf.util.parseAxisParam(axis, x.shape).sort((a, b) => a - b);
    const leading = axes.length < x.shape.length && axes.every((one, i) => one === i);
    const [shape, kept] = [x.shape.slice(axes.length), axes.map(() => 1)];
    const columns = tf.util.sizeFromShape(shape);
    const rows = tf.util.sizeFromShape(x.shape) / columns;
    if (x.dtype !== 'float32' || !leading || rows < 2 || columns === 0) return original(parameters);
    const backend = parameters.backend as WasmBackend;
    const out = backend.makeOutput(keepDims ? [...kept, ...shape] : shape, 'float32');
    runSimdKernel(backend, 'sum_rows', [x, out], [rows, columns, mean ? 1 / rows : 1]);
    return out;
  };
}
