import type { DataType, KernelBackend, TensorInfo } from '@tensorflow/tfjs-core';

/** What the added kernels use of tfjs-backend-wasm's BackendWasm. */
export interface WasmBackend extends KernelBackend {
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  /** A view of the tensor's memory, valid until the next allocation. */
  typedArrayFromHeap(tensor: TensorInfo): Float32Array | Int32Array;
  /** Where the tensor lies in memory, in bytes. */
  getMemoryOffset(dataId: TensorInfo['dataId']): number;
  /** Emscripten's module, which hands its memory out itself only where threads share it. */
  wasm: { asm: { memory: object }; wasmMemory?: object };
}

declare global {
  /** What is used of Node's; @types/node leaves it to browsers' types. */
  const WebAssembly: {
    instantiate(binary: Uint8Array, imports: WasmImports): Promise<{ instance: object; module: object }>;
    Module: new (binary: Uint8Array) => object;
    Instance: new (module: object, imports: WasmImports) => { exports: object };
  };
}

export type WasmImports = Record<string, Record<string, unknown>>;
