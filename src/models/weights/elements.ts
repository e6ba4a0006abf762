/** The number types of weight files, little-endian, under safetensors' names. All are read as float32. */
import { halfTable } from '../../core/index.js';

export type ElementType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL';

interface Elements {
  /** Bytes of one element. */
  bytes: number;
  read(view: DataView, offset: number): number;
}

export const elementTypes: Record<ElementType, Elements> = {
  F64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  F32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  F16: { bytes: 2, read: (view, at) => halfTable()[view.getUint16(at, true)] },
  BF16: { bytes: 2, read: bfloat16 },
  I64: { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  I32: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  I16: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  I8: { bytes: 1, read: (view, at) => view.getInt8(at) },
  U8: { bytes: 1, read: (view, at) => view.getUint8(at) },
  BOOL: { bytes: 1, read: (view, at) => view.getUint8(at) },
};

const conversion = new DataView(new ArrayBuffer(4));

/** The upper half of a float32. */
function bfloat16(view: DataView, offset: number): number {
  conversion.setUint32(0, view.getUint16(offset, true) * 65536);
  return conversion.getFloat32(0);
}

export function isElementType(name: string): name is ElementType {
  return Object.hasOwn(elementTypes, name);
}

/** All elements of `bytes`, in a copy: a tensor should not keep its whole file in memory. */
export function readElements(bytes: Uint8Array, type: ElementType): Float32Array {
  // Copied bytewise, because a file may hold it at an odd offset.
  if (type === 'F32') return new Float32Array(Uint8Array.from(bytes).buffer);
  const { bytes: size, read } = elementTypes[type];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(bytes.length / size);
  for (let i = 0; i < values.length; i++) values[i] = read(view, i * size);
  return values;
}
