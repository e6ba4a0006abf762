/**
 * The safetensors format: a little-endian 64-bit header length, a JSON header, then the tensors' bytes
 * (https://github.com/huggingface/safetensors, README).
 */
import { messageOf, toHalf, UserError } from '../../core/index.js';
import type { StateDict, StateEntry } from '../state.js';
import { bytesAt, FileSource, type ByteSource } from './byte-source.js';
import { elementTypes, isElementType, toFloat32, type ElementType } from './elements.js';
import { FormatError, readTensor, rowMajor, sizeOf, type StoredTensor } from './stored-tensor.js';

interface Header {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** A tensor that a header announces, in bytes of the data. */
interface Span {
  name: string;
  type: ElementType;
  shape: number[];
  from: number;
  to: number;
}

function isHeader(value: unknown): value is Header {
  const header = value as Partial<Header> | null;
  const isCount = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 0;
  return (
    typeof header === 'object' &&
    typeof header?.dtype === 'string' &&
    Array.isArray(header.shape) &&
    header.shape.every(isCount) &&
    Array.isArray(header.data_offsets) &&
    header.data_offsets.length === 2 &&
    header.data_offsets.every(isCount)
  );
}

function isMetadata(value: unknown): value is Record<string, string> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((text) => typeof text === 'string')
  );
}

/** Largest header, in bytes, as the reference implementation allows (safetensors/src/tensor.rs, MAX_HEADER_SIZE). */
const MAX_HEADER = 100_000_000;

export interface Safetensors {
  metadata: Record<string, string>;
  tensors: StoredTensor[];
}

/** Reads the header of a file. @throws FormatError */
export function openSafetensors(source: ByteSource): Safetensors {
  if (source.length < 8) throw new FormatError(`it has ${source.length} bytes`);
  const headerLength = Number(bytesAt(source, 0, 8).readBigUInt64LE());
  if (headerLength > source.length - 8) {
    throw new FormatError(
      `its header should have ${headerLength} bytes, but only ${source.length - 8} follow`,
    );
  }
  if (headerLength > MAX_HEADER) throw new FormatError(`its header has ${headerLength} bytes`);
  let header: unknown;
  try {
    header = JSON.parse(bytesAt(source, 8, headerLength).toString('utf8'));
  } catch (error) {
    throw new FormatError(`its header is not JSON (${messageOf(error)})`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new FormatError('its header holds no tensors');
  }
  const { __metadata__: metadata = {}, ...entries } = header as Record<string, unknown>;
  if (!isMetadata(metadata)) throw new FormatError('its metadata are not texts by name');
  const begin = 8 + headerLength;
  const spans = Object.entries(entries).map(([name, entry]) => toSpan(name, entry));
  checkSpans(spans, source.length - begin);
  const tensors = spans.map(({ name, type, shape, from }) => ({
    name,
    type,
    shape,
    strides: rowMajor(shape),
    at: begin + from,
  }));
  return { metadata, tensors };
}

/**
 * Reads every tensor of a file as float32.
 * @throws UserError that names the file and what is wrong with it
 */
export function readSafetensors(path: string): { metadata: Record<string, string>; state: StateDict } {
  const source = new FileSource(path);
  try {
    const { metadata, tensors } = openSafetensors(source);
    const state: StateDict = new Map();
    for (const tensor of tensors) {
      state.set(tensor.name, { shape: tensor.shape, data: toFloat32(readTensor(source, tensor)) });
    }
    return { metadata, state };
  } catch (error) {
    throw error instanceof FormatError ? invalidSafetensors(path, error) : error;
  } finally {
    source.close();
  }
}

export function invalidSafetensors(path: string, error: FormatError): UserError {
  return new UserError(`${path} is not a valid safetensors file: ${error.message}`, {
    hint: 'download or write the file again',
    cause: error,
  });
}

function toSpan(name: string, entry: unknown): Span {
  if (!isHeader(entry)) throw new FormatError(`the entry of "${name}" is malformed`);
  const {
    dtype,
    shape,
    data_offsets: [from, to],
  } = entry;
  if (!isElementType(dtype)) {
    const known = Object.keys(elementTypes).join(', ');
    throw new FormatError(`"${name}" has the type ${dtype}; known are ${known}`);
  }
  const bytes = sizeOf(shape) * elementTypes[dtype].bytes;
  if (to - from !== bytes) {
    throw new FormatError(`"${name}" should have ${bytes} bytes, its offsets give ${to - from}`);
  }
  return { name, type: dtype, shape, from, to };
}

/** As the format demands: no gaps and no overlaps, with which a small file could ask for any amount of memory. */
function checkSpans(spans: Span[], dataLength: number): void {
  let end = 0;
  for (const { name, from, to } of [...spans].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (to > dataLength) {
      throw new FormatError(`"${name}" ends at byte ${to} of its data, which has ${dataLength}`);
    }
    if (from !== end) {
      throw new FormatError(`"${name}" begins at byte ${from} of its data, the tensor before ends at ${end}`);
    }
    end = to;
  }
  if (end !== dataLength) {
    throw new FormatError(`its data has ${dataLength} bytes, the tensors end at ${end}`);
  }
}

function encode({ data }: StateEntry, dtype: 'F32' | 'F16', name: string): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const half = new Uint16Array(data.length);
  const bad = toHalf(data, half);
  if (bad >= 0) {
    throw new UserError(
      `"${name}" holds ${data[bad]} at position ${bad}, which float16 weights cannot store`,
    );
  }
  return new Uint8Array(half.buffer);
}

interface WriteOptions {
  /** Of all tensors. */
  dtype: 'F32' | 'F16';
  metadata?: Record<string, string>;
}

/** The bytes of a safetensors file. */
export function writeSafetensors(state: StateDict, options: WriteOptions): Uint8Array {
  return Buffer.concat(safetensorsParts(state, options));
}

/** The same in parts that follow each other; those of float32 tensors are the tensors' own memory. */
export function safetensorsParts(state: StateDict, options: WriteOptions): Uint8Array[] {
  const header: [string, unknown][] = options.metadata ? [['__metadata__', options.metadata]] : [];
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, entry] of state) {
    const bytes = encode(entry, options.dtype, name);
    const data_offsets = [offset, offset + bytes.length];
    header.push([name, { dtype: options.dtype, shape: entry.shape, data_offsets }]);
    parts.push(bytes);
    offset += bytes.length;
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  // Spaces keep the data aligned to 8 bytes.
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return [length, padded, ...parts];
}
