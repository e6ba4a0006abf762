/**
 * Matrix products for WebAssembly. XNNPACK takes only untransposed single products; the backend's own loop for the
 * rest runs at a tenth of that speed and less. Transposing first costs a few percent, and gradients are full of it.
 */
import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { tf } from '../tf.js';

interface MatMulAttributes {
  transposeA: boolean;
  transposeB: boolean;
}

export function registerMatMul(): void {
  for (const kernelName of [tf.BatchMatMul, tf._FusedMatMul]) {
    const original = tf.getKernel(kernelName, 'wasm');
    if (!original) throw new Error(`the WebAssembly backend has no kernel ${kernelName}`);
    tf.unregisterKernel(kernelName, 'wasm');
    tf.registerKernel({ ...original, kernelFunc: transposedFirst(original.kernelFunc) });
  }
}

function transposedFirst(product: KernelFunc): KernelFunc {
  return (parameters) => {
    const { a, b } = parameters.inputs as { a: TensorInfo; b: TensorInfo };
    const { transposeA, transposeB } = parameters.attrs as unknown as MatMulAttributes;
    if (!transposeA && !transposeB) return product(parameters);
    const left = transposeA ? swapped(a) : a;
    const right = transposeB ? swapped(b) : b;
    const attrs = { ...parameters.attrs, transposeA: false, transposeB: false };
    const out = product({ ...parameters, inputs: { ...parameters.inputs, a: left, b: right }, attrs });
    if (transposeA) tf.dispose(left as tf.Tensor);
    if (transposeB) tf.dispose(right as tf.Tensor);
    return out;
  };
}

/** (..., I, J) -> (..., J, I) */
function swapped(matrix: TensorInfo): tf.Tensor {
  const axes = matrix.shape.map((_, axis) => axis);
  axes.push(...axes.splice(-2).reverse());
  return tf.transpose(matrix as tf.Tensor, axes);
}
