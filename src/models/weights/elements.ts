/** The number types of weight files, little-endian, under safetensors' names. */
import { halfTable } from '../../core/index.js';

/** Elements as a program gets them: 16-bit floats are widened to float32, which holds each of them exactly. */
export type ElementArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

interface Elements {
  /** PyTorch's name, without `torch.`. */
  name: string;
  /** Bytes of one element. */
  bytes: 1 | 2 | 4 | 8;
  /** @param raw all bytes of the elements, not shared with anything */
  decode(raw: ArrayBuffer): ElementArray;
}

export const elementTypes = {
  F64: { name: 'float64', bytes: 8, decode: (raw) => new Float64Array(raw) },
  F32: { name: 'float32', bytes: 4, decode: (raw) => new Float32Array(raw) },
  F16: { name: 'float16', bytes: 2, decode: half },
  BF16: { name: 'bfloat16', bytes: 2, decode: bfloat16 },
  I64: { name: 'int64', bytes: 8, decode: (raw) => new BigInt64Array(raw) },
  I32: { name: 'int32', bytes: 4, decode: (raw) => new Int32Array(raw) },
  I16: { name: 'int16', bytes: 2, decode: (raw) => new Int16Array(raw) },
  I8: { name: 'int8', bytes: 1, decode: (raw) => new Int8Array(raw) },
  U64: { name: 'uint64', bytes: 8, decode: (raw) => new BigUint64Array(raw) },
  U32: { name: 'uint32', bytes: 4, decode: (raw) => new Uint32Array(raw) },
  U16: { name: 'uint16', bytes: 2, decode: (raw) => new Uint16Array(raw) },
  U8: { name: 'uint8', bytes: 1, decode: (raw) => new Uint8Array(raw) },
  BOOL: { name: 'bool', bytes: 1, decode: (raw) => new Uint8Array(raw) },
} satisfies Record<string, Elements>;

export type ElementType = keyof typeof elementTypes;

export function isElementType(name: string): name is ElementType {
  return Object.hasOwn(elementTypes, name);
}

function half(raw: ArrayBuffer): Float32Array {
  const table = halfTable();
  const bits = new Uint16Array(raw);
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = table[bits[i]];
  return values;
}

/** A bfloat16 is the upper half of a float32. */
function bfloat16(raw: ArrayBuffer): Float32Array {
  const bits = new Uint16Array(raw);
  const wide = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i] << 16;
  return new Float32Array(wide.buffer);
}

/** Elements as float32, rounded where they are wider; float32 itself is not copied. */
export function toFloat32(values: ElementArray): Float32Array {
  if (values instanceof Float32Array) return values;
  const floats = new Float32Array(values.length);
  for (let i = 0; i < floats.length; i++) floats[i] = Number(values[i]);
  return floats;
}
