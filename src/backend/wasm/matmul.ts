/**
 * Matrix products for WebAssembly, with two faults of its kernels mended. XNNPACK takes only untransposed single
 * products; the backend's own loop for the rest runs at a tenth of that speed and less. Transposing first costs a few
 * percent, and gradients are full of it. And the kernel keeps the right factor packed for XNNPACK by the number of its
 * data alone: a view of the same data in another shape would be multiplied in the first one's.
 */
import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { tf } from '../tf.js';
import { wrapKernel } from './replace.js';

interface MatMulAttributes {
  transposeA: boolean;
  transposeB: boolean;
}

export function registerMatMul(): void {
  for (const kernelName of [tf.BatchMatMul, tf._FusedMatMul]) wrapKernel(kernelName, mended);
}

/** Rows and columns of each right factor by its data, as it was first used. */
const packedShapes = new WeakMap<object, string>();

function mended(product: KernelFunc): KernelFunc {
  return (parameters) => {
    const { a, b } = parameters.inputs as { a: TensorInfo; b: TensorInfo };
    const { transposeA, transposeB } = parameters.attrs as unknown as MatMulAttributes;
    const left = transposeA ? swapped(a) : a;
    const right = transposeB ? swapped(b) : packedOtherwise(b) ? tf.clone(b as tf.Tensor) : b;
    const attrs = { ...parameters.attrs, transposeA: false, transposeB: false };
    const out = product({ ...parameters, inputs: { ...parameters.inputs, a: left, b: right }, attrs });
    if (left !== a) tf.dispose(left as tf.Tensor);
    if (right !== b) tf.dispose(right as tf.Tensor);
    return out;
  };
}

/** Whether this data was a right factor of another shape; a copy, which `tf.clone` makes on this backend, was not. */
function packedOtherwise({ dataId, shape }: TensorInfo): boolean {
  const matrix = shape.slice(-2).join();
  const packed = packedShapes.get(dataId);
  if (packed === undefined) packedShapes.set(dataId, matrix);
  return packed !== undefined && packed !== matrix;
}

/** (..., I, J) -> (..., J, I) */
function swapped(matrix: TensorInfo): tf.Tensor {
  const axes = matrix.shape.map((_, axis) => axis);
  axes.push(...axes.splice(-2).reverse());
  return tf.transpose(matrix as tf.Tensor, axes);
}
