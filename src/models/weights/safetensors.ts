/**
 * The safetensors format: a little-endian 64-bit header length, a JSON header, then the tensors' bytes
 * (https://github.com/huggingface/safetensors, README).
 */
import { readFileSync } from 'node:fs';
import { halfTable, messageOf, toHalf, UserError } from '../../core/index.js';
import type { StateDict, StateEntry } from '../state.js';

/** Bytes of one element, and how it is read as a number. */
const dtypes: Record<string, { bytes: number; read(view: DataView, offset: number): number }> = {
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

function bfloat16(view: DataView, offset: number): number {
  conversion.setUint32(0, view.getUint16(offset, true) * 65536);
  return conversion.getFloat32(0);
}

interface Header {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
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

/**
 * Reads every tensor of a file.
 * @throws UserError that names the file and what is wrong with it
 */
export function readSafetensors(path: string): { metadata: Record<string, string>; state: StateDict } {
  let file: Buffer;
  try {
    file = readFileSync(path);
  } catch (error) {
    throw new UserError(`cannot read the weights ${path}: ${messageOf(error)}`, { cause: error });
  }
  const fail = (what: string): never => {
    throw new UserError(`${path} is not a valid safetensors file: ${what}`, {
      hint: 'download or write the file again',
    });
  };
  if (file.length < 8) fail(`it has ${file.length} bytes`);
  const headerLength = Number(file.readBigUInt64LE(0));
  if (headerLength > file.length - 8) {
    fail(`its header should have ${headerLength} bytes, but only ${file.length - 8} follow`);
  }
  let header: Record<string, unknown> = {};
  try {
    header = JSON.parse(file.toString('utf8', 8, 8 + headerLength)) as Record<string, unknown>;
  } catch (error) {
    fail(`its header is not JSON (${messageOf(error)})`);
  }
  if (typeof header !== 'object' || header === null) fail('its header holds no tensors');
  const data = file.subarray(8 + headerLength);
  const state: StateDict = new Map();
  let end = 0;
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    if (!isHeader(value)) fail(`the entry of "${name}" is malformed`);
    const entry = value as Header;
    if (!dtypes[entry.dtype]) {
      fail(`"${name}" has the type ${entry.dtype}; known are ${Object.keys(dtypes).join(', ')}`);
    }
    const [from, to] = entry.data_offsets;
    const bytes = entry.shape.reduce((a, b) => a * b, 1) * dtypes[entry.dtype].bytes;
    if (to - from !== bytes) fail(`"${name}" should have ${bytes} bytes, its offsets give ${to - from}`);
    if (to > data.length) fail(`"${name}" ends at byte ${to} of its data, which has ${data.length}`);
    end = Math.max(end, to);
    state.set(name, { shape: entry.shape, data: readValues(data.subarray(from, to), entry.dtype) });
  }
  if (end !== data.length) fail(`its data has ${data.length} bytes, the tensors end at ${end}`);
  return { metadata: (header.__metadata__ ?? {}) as Record<string, string>, state };
}

function readValues(bytes: Buffer, dtype: string): Float32Array {
  const { bytes: size, read } = dtypes[dtype];
  if (dtype === 'F32') {
    // A copy, because the tensor may lie at an odd offset and should not keep the whole file in memory.
    return new Float32Array(Uint8Array.from(bytes).buffer);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(bytes.length / size);
  for (let i = 0; i < values.length; i++) values[i] = read(view, i * size);
  return values;
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

/** The bytes of a safetensors file with all tensors in one type. */
export function writeSafetensors(
  state: StateDict,
  options: { dtype: 'F32' | 'F16'; metadata?: Record<string, string> },
): Uint8Array {
  const header: Record<string, unknown> = options.metadata ? { __metadata__: options.metadata } : {};
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, entry] of state) {
    const bytes = encode(entry, options.dtype, name);
    header[name] = {
      dtype: options.dtype,
      shape: entry.shape,
      data_offsets: [offset, offset + bytes.length],
    };
    parts.push(bytes);
    offset += bytes.length;
  }
  const json = Buffer.from(JSON.stringify(header));
  // Spaces keep the data aligned to 8 bytes.
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded, ...parts]);
}
