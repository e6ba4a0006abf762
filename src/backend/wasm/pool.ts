/** MaxPoolGrad for WebAssembly by a kernel of our own: that of TensorFlow.js takes about ten times as long. */
import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { tf } from '../tf.js';
import { replaceKernel } from './replace.js';
import { runSimdKernel } from './simd.js';
import type { WasmBackend } from './types.js';

interface PoolAttributes {
  filterSize: number | [number, number];
  strides: number | [number, number];
  pad: 'same' | 'valid' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

export function registerMaxPoolGrad(): void {
  replaceKernel(tf.MaxPoolGrad, maxPoolGrad);
}

/** dy and output (B, H', W', C), input (B, H, W, C) -> (B, H, W, C): dy at the first largest of each window, summed. */
const maxPoolGrad: KernelFunc = ({ inputs, attrs, backend }) => {
  const { dy, input, output } = inputs as Record<string, TensorInfo>;
  const { filterSize, strides, pad, dimRoundingMode } = attrs as unknown as PoolAttributes;
  const shape = input.shape as [number, number, number, number];
  const info = tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  const wasm = backend as WasmBackend;
  const out = wasm.makeOutput(shape, 'float32');
  runSimdKernel(
    wasm,
    'max_pool_gradient',
    [input, output, dy, out],
    [
      ...[...shape, info.outHeight, info.outWidth, info.filterHeight, info.filterWidth],
      ...[info.strideHeight, info.strideWidth, info.padInfo.top, info.padInfo.left],
    ],
  );
  return out;
};
