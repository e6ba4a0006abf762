import type { DataType, KernelBackend, TensorInfo } from '@tensorflow/tfjs-core';

/** What the added kernels use of tfjs-backend-wasm's BackendWasm. */
export interface WasmBackend extends KernelBackend {
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  /** A view of the tensor's memory, valid until the next allocation. */
  typedArrayFromHeap(tensor: TensorInfo): Float32Array | Int32Array;
}
