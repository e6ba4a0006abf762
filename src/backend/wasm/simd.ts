/** Our own SIMD kernels (native/wasm/simd.c), which compute on the memory of the WebAssembly backend. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { packageRoot } from '../paths.js';
import type { WasmBackend } from './types.js';

type Name = 'convolution' | 'convolution_filter_gradient' | 'max_pool_gradient' | 'sum_rows';
type Kernels = Record<Name, (...call: number[]) => void>;

let kernels: Kernels | undefined;

/**
 * Runs a kernel of float32.
 * @param name, tensors (the inputs, then the output), sizes as the C source has them
 */
export function runSimdKernel(
  backend: WasmBackend,
  name: Name,
  tensors: readonly TensorInfo[],
  sizes: readonly number[],
): void {
  kernels ??= load(backend);
  kernels[name](...tensors.map(({ dataId }) => backend.getMemoryOffset(dataId)), ...sizes);
}

function load({ wasm }: WasmBackend): Kernels {
  const memory = wasm.wasmMemory ?? wasm.asm.memory;
  const name = wasm.wasmMemory ? 'simd-shared.wasm' : 'simd.wasm';
  const module = new WebAssembly.Module(readFileSync(join(packageRoot(), 'native', 'wasm', name)));
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
}
