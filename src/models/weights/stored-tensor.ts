/** Tensors that lie in a file and are read when somebody asks. */
import type { ByteSource } from './byte-source.js';
import { elementTypes, type ElementArray, type ElementType } from './elements.js';

/** What is wrong with a file; readers add its name. */
export class FormatError extends Error {}

/** Longest text of a file that a message repeats. */
const SHOWN = 80;

/** A text of the file for a message. */
export function quoted(text: string): string {
  return JSON.stringify(text.slice(0, SHOWN));
}

/** Element (i, j, ..) is at byte `at` + (i strides[0] + j strides[1] + ..) times the bytes of an element. */
export interface StoredTensor {
  name: string;
  type: ElementType;
  shape: number[];
  strides: number[];
  at: number;
}

/** How many elements a tensor of this shape has. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Strides, in elements, of a tensor whose elements lie in order. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** Elements from a tensor's first to its last in the file, those between that are not its own included. */
export function spanOf({ shape, strides }: Pick<StoredTensor, 'shape' | 'strides'>): number {
  if (shape.includes(0)) return 0;
  return 1 + shape.reduce((sum, length, axis) => sum + (length - 1) * strides[axis], 0);
}

function isRowMajor({ shape, strides }: StoredTensor): boolean {
  const expected = rowMajor(shape);
  return shape.every((length, axis) => length === 1 || strides[axis] === expected[axis]);
}

/** The elements in row-major order. Besides them, memory holds at most what lies between the first and the last. */
export function readTensor(source: ByteSource, tensor: StoredTensor): ElementArray {
  const { bytes, decode } = elementTypes[tensor.type];
  const size = sizeOf(tensor.shape);
  if (size === 0) return decode(new ArrayBuffer(0));
  const span = new Uint8Array(spanOf(tensor) * bytes);
  source.read(tensor.at, span);
  return decode(isRowMajor(tensor) ? span.buffer : gather(span.buffer, tensor, size));
}

const words = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array };

function gather(span: ArrayBuffer, { type, shape, strides }: StoredTensor, size: number): ArrayBuffer {
  const Words = words[elementTypes[type].bytes];
  const from = new Words(span);
  const to = new Words(size);
  const index = shape.map(() => 0);
  let place = 0;
  for (let i = 0; i < size; i++) {
    to[i] = from[place];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place += strides[axis];
      if (++index[axis] < shape[axis]) break;
      place -= shape[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return to.buffer;
}
