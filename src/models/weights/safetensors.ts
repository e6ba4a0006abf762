/**
 * The safetensors format: a little-endian 64-bit header length, a JSON header, then the tensors' bytes
 * (https://github.com/huggingface/safetensors, README).
 */
import { readFileSync } from 'node:fs';
import { messageOf, toHalf, UserError } from '../../core/index.js';
import type { StateDict, StateEntry } from '../state.js';
import { elementTypes, isElementType, readElements, type ElementType } from './elements.js';

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

/** Why a file is not valid. */
class SafetensorsError extends Error {}

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
  try {
    return parse(file);
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    throw new UserError(`${path} is not a valid safetensors file: ${error.message}`, {
      hint: 'download or write the file again',
    });
  }
}

function parse(file: Buffer): { metadata: Record<string, string>; state: StateDict } {
  if (file.length < 8) throw new SafetensorsError(`it has ${file.length} bytes`);
  const headerLength = Number(file.readBigUInt64LE(0));
  if (headerLength > file.length - 8) {
    throw new SafetensorsError(
      `its header should have ${headerLength} bytes, but only ${file.length - 8} follow`,
    );
  }
  let header: unknown;
  try {
    header = JSON.parse(file.toString('utf8', 8, 8 + headerLength));
  } catch (error) {
    throw new SafetensorsError(`its header is not JSON (${messageOf(error)})`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new SafetensorsError('its header holds no tensors');
  }
  const { __metadata__: metadata = {}, ...tensors } = header as Record<string, unknown>;
  if (!isMetadata(metadata)) throw new SafetensorsError('its metadata are not texts by name');
  const data = file.subarray(8 + headerLength);
  const spans = Object.entries(tensors).map(([name, entry]) => toSpan(name, entry));
  checkSpans(spans, data.length);
  const state: StateDict = new Map();
  for (const { name, type, shape, from, to } of spans) {
    state.set(name, { shape, data: readElements(data.subarray(from, to), type) });
  }
  return { metadata, state };
}

function toSpan(name: string, entry: unknown): Span {
  if (!isHeader(entry)) throw new SafetensorsError(`the entry of "${name}" is malformed`);
  const {
    dtype,
    shape,
    data_offsets: [from, to],
  } = entry;
  if (!isElementType(dtype)) {
    const known = Object.keys(elementTypes).join(', ');
    throw new SafetensorsError(`"${name}" has the type ${dtype}; known are ${known}`);
  }
  const bytes = shape.reduce((a, b) => a * b, 1) * elementTypes[dtype].bytes;
  if (to - from !== bytes) {
    throw new SafetensorsError(`"${name}" should have ${bytes} bytes, its offsets give ${to - from}`);
  }
  return { name, type: dtype, shape, from, to };
}

/** As the format demands: no gaps and no overlaps, with which a small file could ask for any amount of memory. */
function checkSpans(spans: Span[], dataLength: number): void {
  let end = 0;
  for (const { name, from, to } of [...spans].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (to > dataLength) {
      throw new SafetensorsError(`"${name}" ends at byte ${to} of its data, which has ${dataLength}`);
    }
    if (from !== end) {
      throw new SafetensorsError(
        `"${name}" begins at byte ${from} of its data, the tensor before ends at ${end}`,
      );
    }
    end = to;
  }
  if (end !== dataLength) {
    throw new SafetensorsError(`its data has ${dataLength} bytes, the tensors end at ${end}`);
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

/** The bytes of a safetensors file with all tensors in one type. */
export function writeSafetensors(
  state: StateDict,
  options: { dtype: 'F32' | 'F16'; metadata?: Record<string, string> },
): Uint8Array {
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
  return Buffer.concat([length, padded, ...parts]);
}
