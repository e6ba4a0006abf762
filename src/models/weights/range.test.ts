/** How much of a file is in memory at a time, counted where the readers ask for bytes. */
import { describe, expect, it } from 'vitest';
import { UserError } from '../../core/index.js';
import type { ByteSource } from './byte-source.js';
import { MemorySource } from './byte-source.js';
import { openSource, writeSafetensors } from './index.js';
import { legacyFile, pickle, tensor, torchFile, zipFile } from './torch-file.cases.js';

/** Counts what is asked of a file that goes on with zeros after its first bytes. */
class CountingSource implements ByteSource {
  total = 0;
  largest = 0;

  constructor(
    private readonly head: Uint8Array,
    readonly length = head.length,
  ) {}

  read(from: number, target: Uint8Array): void {
    target.set(this.head.subarray(from, from + target.length));
    this.total += target.length;
    this.largest = Math.max(this.largest, target.length);
  }

  /** Forgets what was asked so far. */
  reset(): void {
    this.total = this.largest = 0;
  }
}

const TENSORS = 8;
const ELEMENTS = 2 ** 18;
const BYTES = 4 * ELEMENTS;
const names = Array.from({ length: TENSORS }, (_, i) => `layer${i}.weight`);
const dict = (transposed: boolean) =>
  pickle.dict(
    names.map((name, i) => [
      pickle.text(name),
      tensor({
        storage: 'FloatStorage',
        key: String(i),
        length: ELEMENTS,
        shape: [2, ELEMENTS / 2],
        strides: transposed ? [1, 2] : [ELEMENTS / 2, 1],
      }),
    ]),
  );
const storages = Object.fromEntries(names.map((_, i) => [i, new Uint8Array(BYTES)]));
const state = new Map(
  names.map((name) => [name, { shape: [2, ELEMENTS / 2], data: new Float32Array(ELEMENTS) }]),
);

/** Bytes that opening may read: the search for the directory of a zip file, a window of its pickle, headers. */
const OPENING = 2 ** 18;

describe.each([
  ['zip', () => torchFile(dict(false), storages)],
  ['zip, transposed', () => torchFile(dict(true), storages)],
  ['legacy', () => legacyFile(dict(false), storages)],
  ['safetensors', () => Buffer.from(writeSafetensors(state, { dtype: 'F32' }))],
])('%s', (_, write) => {
  it('is opened without its numbers, and read a tensor at a time', async () => {
    const source = new CountingSource(write());
    const { tensors } = await openSource(source, 'file');
    expect(tensors.map(({ name }) => name)).toEqual(names);
    expect(source.total).toBeLessThan(OPENING);
    for (const { read } of tensors) {
      source.reset();
      expect(read()).toHaveLength(ELEMENTS);
      expect(source).toMatchObject({ total: BYTES, largest: BYTES });
    }
  });
});

it('of 100 MB, one row costs one row', async () => {
  const header = {
    row: { dtype: 'F32', shape: [1000], data_offsets: [0, 4000] },
    rest: { dtype: 'F32', shape: [25e6], data_offsets: [4000, 4000 + 100e6] },
  };
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const head = Buffer.concat([length, json]);
  const source = new CountingSource(head, head.length + 4000 + 100e6);
  const { tensors } = await openSource(source, 'file');
  tensors[0].read();
  expect(source.total).toBeLessThan(5000);
});

describe('a small file cannot ask for much', () => {
  const opened = (content: Buffer) =>
    openSource(new MemorySource(zipFile({ 'a/data.pkl': pickle.whole(content) })), 'file');
  const twice = Buffer.from('\x5dq\x00', 'latin1'); // a list, as key 0 of the memo
  it.each([
    ['lists', Buffer.alloc(500_001, ']'), /more than 500000 lists, dicts and objects/],
    ['dicts', Buffer.alloc(500_001, '}'), /more than 500000 lists/],
    ['instructions', Buffer.alloc(2_000_001, 'N'), /more than 2000000 instructions/],
    ['copies', Buffer.concat([twice, Buffer.alloc(2_000_001, '2')]), /more than 2000000 instructions/],
    ['a text longer than the file', Buffer.from('X\xff\xff\xff\x7f', 'latin1'), /ends too early/],
    ['bytes longer than the file', Buffer.from('B\xff\xff\xff\x7f', 'latin1'), /ends too early/],
    ['an integer of many digits', Buffer.from('\x8b\x00\x01\x00\x00', 'latin1'), /an integer of 256 bytes/],
    [
      'long names of globals',
      Buffer.concat([pickle.text('a'.repeat(2000)), Buffer.from('q\x00h\x00\x93', 'latin1')]),
      /the name "a+" \.\. of a global is too long/,
    ],
    [
      'the state of one object',
      Buffer.from(`cmine\nNet\n)\x81${'}b'.repeat(20)}`, 'latin1'),
      /the state of an object again and again/,
    ],
    [
      'one long list turned into a dict again and again',
      // The list of 1,000 pairs is key 1 of the memo, the class of the dict key 2.
      Buffer.concat([
        Buffer.from(']q\x01(', 'latin1'),
        ...Array.from({ length: 1000 }, () => Buffer.from('NN\x86', 'latin1')),
        Buffer.from('eccollections\nOrderedDict\nq\x02', 'latin1'),
        ...Array.from({ length: 6000 }, () => Buffer.from('h\x02h\x01\x85R', 'latin1')),
      ]),
      /more than 2000000 instructions/,
    ],
  ])('%s', async (_, content, message) => {
    const error: unknown = await opened(content).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toMatch(message);
  });
});
