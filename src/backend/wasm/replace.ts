/** Puts kernels of ours in the place of the WebAssembly backend's own, or where it has none. */
import type { KernelFunc } from '@tensorflow/tfjs-core';
import { tf } from '../tf.js';

/** @param kernelName one that it may have */
export function replaceKernel(kernelName: string, kernelFunc: KernelFunc): void {
  if (tf.getKernel(kernelName, 'wasm')) tf.unregisterKernel(kernelName, 'wasm');
  tf.registerKernel({ kernelName, backendName: 'wasm', kernelFunc });
}

/** @param wrap makes ours of its own, for what ours leaves to it */
export function wrapKernel(kernelName: string, wrap: (original: KernelFunc) => KernelFunc): void {
  const original = tf.getKernel(kernelName, 'wasm');
  if (!original) throw new Error(`the WebAssembly backend has no kernel ${kernelName}`);
  tf.unregisterKernel(kernelName, 'wasm');
  tf.registerKernel({ ...original, kernelFunc: wrap(original.kernelFunc) });
}
