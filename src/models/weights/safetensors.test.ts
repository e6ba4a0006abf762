import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../core/index.js';
import type { StateDict } from '../state.js';
import { readSafetensors, readWeights, writeSafetensors } from './index.js';

const directory = mkdtempSync(join(tmpdir(), 'showtell-safetensors-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function written(bytes: Uint8Array): string {
  const path = join(directory, 'weights.safetensors');
  writeFileSync(path, bytes);
  return path;
}

/** A file by the format's definition, from any header. */
function file(header: unknown, data: Uint8Array): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

const state: StateDict = new Map([
  ['scalar', { shape: [], data: Float32Array.of(-0.5) }],
  ['matrix', { shape: [2, 3], data: Float32Array.of(1, -2, 3.25, 1e-7, 65504, 0) }],
  ['empty', { shape: [0, 3], data: new Float32Array() }],
  ['__proto__', { shape: [1], data: Float32Array.of(7) }],
]);

describe('round trip', () => {
  it('float32 is exact, with metadata', async () => {
    const bytes = writeSafetensors(state, { dtype: 'F32', metadata: { format: 'pt' } });
    const read = readSafetensors(written(bytes));
    expect(read).toEqual({ metadata: { format: 'pt' }, state });
    expect(await readWeights(written(bytes))).toEqual(state);
  });

  it('float16 is the nearest half', () => {
    const read = readSafetensors(written(writeSafetensors(state, { dtype: 'F16' })));
    expect(read.metadata).toEqual({});
    expect([...read.state.get('matrix')!.data]).toEqual([1, -2, 3.25, 2 * 2 ** -24, 65504, 0]); // 1e-7 = 1.68 x 2^-24
  });

  it('float16 names a number that it cannot hold', () => {
    const infinite: StateDict = new Map([['w', { shape: [2], data: Float32Array.of(1, Infinity) }]]);
    expect(() => writeSafetensors(infinite, { dtype: 'F16' })).toThrow('"w" holds Infinity at position 1');
  });

  it('the data begin at a multiple of 8 bytes, whatever the names', () => {
    for (let length = 1; length <= 16; length++) {
      const named: StateDict = new Map([['n'.repeat(length), { shape: [1], data: Float32Array.of(1) }]]);
      const bytes = Buffer.from(writeSafetensors(named, { dtype: 'F32' }));
      expect(Number(bytes.readBigUInt64LE(0)) % 8).toBe(0);
      expect(readSafetensors(written(bytes)).state).toEqual(named);
    }
  });

  it('a view of a larger array writes its own part only', () => {
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    const read = readSafetensors(
      written(writeSafetensors(new Map([['w', { shape: [2], data }]]), { dtype: 'F32' })),
    );
    expect([...read.state.get('w')!.data]).toEqual([2, 3]);
  });
});

it.each([
  ['F64', new Uint8Array(Float64Array.of(0.5, -3).buffer), [0.5, -3]],
  ['F32', new Uint8Array(Float32Array.of(0.5, -3).buffer), [0.5, -3]],
  ['F16', new Uint8Array(Uint16Array.of(0x3800, 0xc200).buffer), [0.5, -3]],
  ['BF16', new Uint8Array(Uint16Array.of(0x3f00, 0xc040).buffer), [0.5, -3]],
  ['I64', new Uint8Array(BigInt64Array.of(5n, -3n).buffer), [5, -3]],
  ['I32', new Uint8Array(Int32Array.of(5, -3).buffer), [5, -3]],
  ['I16', new Uint8Array(Int16Array.of(5, -3).buffer), [5, -3]],
  ['I8', Uint8Array.of(5, 253), [5, -3]],
  ['U8', Uint8Array.of(5, 253), [5, 253]],
  ['BOOL', Uint8Array.of(0, 1), [0, 1]],
])('reads %s, also at an odd offset', (dtype, data, values) => {
  for (const pad of ['', ' ']) {
    const entry = { dtype, shape: [2], data_offsets: [0, data.length] };
    const { state: read } = readSafetensors(written(file(JSON.stringify({ w: entry }) + pad, data)));
    expect([...read.get('w')!.data]).toEqual(values);
  }
});

describe('what is wrong is named', () => {
  const eight = new Uint8Array(8);
  const entry = (change: object = {}) => ({ dtype: 'F32', shape: [2], data_offsets: [0, 8], ...change });
  // prettier-ignore
  const cases: [string, Uint8Array, RegExp][] = [
    ['too short', Buffer.from('abc'), /it has 3 bytes/],
    ['a header beyond the file', file('{}', eight).subarray(0, 9), /header should have 2 bytes, but only 1 follow/],
    ['a header of 2^63 bytes', Buffer.concat([Buffer.alloc(7), Buffer.from([0x80]), eight]), /header should have 9223372036854776000 bytes/],
    ['no JSON', file('{"w":', eight), /header is not JSON/],
    ['an array', file([], new Uint8Array()), /header holds no tensors/],
    ['null', file(null, eight), /header holds no tensors/],
    ['metadata that are no texts', file({ __metadata__: { a: 1 } }, new Uint8Array()), /metadata are not texts/],
    ['an entry without offsets', file({ w: { dtype: 'F32', shape: [2] } }, eight), /entry of "w" is malformed/],
    ['a negative size', file({ w: entry({ shape: [-2] }) }, eight), /entry of "w" is malformed/],
    ['an unknown type', file({ w: entry({ dtype: 'F8_E4M3' }) }, eight), /"w" has the type F8_E4M3; known are F64, F32/],
    ['a type named as a member of objects', file({ w: entry({ dtype: 'constructor' }) }, eight), /has the type constructor/],
    ['a size that does not fit', file({ w: entry({ shape: [3] }) }, eight), /"w" should have 12 bytes, its offsets give 8/],
    ['a size beyond numbers', file({ w: entry({ shape: Array(40).fill(1e15) }) }, eight), /"w" should have Infinity bytes/],
    ['offsets in the wrong order', file({ w: entry({ data_offsets: [8, 0] }) }, eight), /its offsets give -8/],
    ['a tensor beyond the data', file({ w: entry() }, new Uint8Array(4)), /"w" ends at byte 8 of its data, which has 4/],
    ['overlapping tensors', file({ v: entry(), w: entry() }, eight), /"w" begins at byte 0 of its data, the tensor before ends at 8/],
    ['a gap', file({ v: entry(), w: entry({ data_offsets: [12, 20] }) }, new Uint8Array(20)), /"w" begins at byte 12 .* ends at 8/],
    ['data left over', file({ w: entry() }, new Uint8Array(9)), /its data has 9 bytes, the tensors end at 8/],
  ];
  it.each(cases)('%s', (_, bytes, message) => {
    const path = written(bytes);
    expect(() => readSafetensors(path)).toThrow(UserError);
    expect(() => readSafetensors(path)).toThrow(`${path} is not a valid safetensors file: `);
    expect(() => readSafetensors(path)).toThrow(message);
  });

  it('a file that is not there, and one of another kind', async () => {
    const missing = join(directory, 'none.safetensors');
    expect(() => readSafetensors(missing)).toThrow(/cannot read the weights .*none\.safetensors/);
    await expect(readWeights(missing)).rejects.toThrow(/cannot read the weights .*none\.safetensors/);
    await expect(readWeights(directory)).rejects.toThrow(UserError);
    await expect(readWeights(written(Buffer.from('hello, world')))).rejects.toThrow(
      /neither a safetensors file/,
    );
  });
});
