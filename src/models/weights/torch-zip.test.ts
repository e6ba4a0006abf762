import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { readGolden, sharedPath } from '../../../tests/helpers.js';
import { Random, UserError } from '../../core/index.js';
import type { StateDict } from '../state.js';
import { readWeights } from './index.js';
import { pickle, tensor, torchFile, zipFile, type TensorView } from './torch-file.cases.js';
import { describeTorchFile, readTorchZip } from './torch-zip.js';

const directory = mkdtempSync(join(tmpdir(), 'showtell-torch-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const goldens = fileURLToPath(new URL('../../../tests/goldens/torch/', import.meta.url));
const expected = readGolden('torch/expected.json') as Record<string, { shape: number[]; values: number[] }>;

/** PyTorch's own numbers, exactly: all of them are float32 or are rounded to it. */
function expectGolden(state: StateDict): void {
  expect([...state.keys()]).toEqual(Object.keys(expected));
  for (const [name, { shape, values }] of Object.entries(expected)) {
    expect(state.get(name)!.shape, name).toEqual(shape);
    expect(state.get(name)!.data, name).toEqual(Float32Array.from(values));
  }
}

function written(bytes: Uint8Array): string {
  const path = join(directory, 'weights.pth');
  writeFileSync(path, bytes);
  return path;
}

const { int, text, global, call, dict } = pickle;
const f32 = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const vector = (key: string, length: number, change: Partial<TensorView> = {}) =>
  tensor({ storage: 'FloatStorage', key, length, shape: [length], strides: [1], ...change });
const weight = (value: Buffer): [Buffer, Buffer][] => [[text('w'), value]];
const one = (value: Buffer, storages: Record<string, Uint8Array>) => torchFile(dict(weight(value)), storages);

describe('files of PyTorch', () => {
  it('types, a scalar, an empty tensor, views of one storage, and a parameter', async () => {
    expectGolden(await readTorchZip(join(goldens, 'state_zip.pth')));
    expectGolden(await readWeights(join(goldens, 'state_zip.pth')));
  });

  it('a pickle that calls a function is refused', async () => {
    await expect(readTorchZip(join(goldens, 'hostile_call.pth'))).rejects.toThrow(
      /hostile_call\.pth: it holds the Python object "builtins\.print", not only tensors/,
    );
  });

  const folder = sharedPath('goldens', 'torch', 'checkpoints');
  const inFolder = (file: string) => join(folder!, file);
  describe.skipIf(!folder)('of the shared folder (skipped where it is absent)', () => {
    it('a training checkpoint with its weights under state_dict', async () => {
      expectGolden(await readTorchZip(inFolder('nested_zip.pth')));
    });

    it.each([
      ['hostile_call.pth', /the Python object "builtins\.print"/],
      ['module_plain_lstm.pt', /the Python object "__main__\.\w+"/],
      ['module_soft_attention.pt', /the Python object "__main__\.\w+"/],
      ['truncated.pth', /the zip file is damaged/],
      ['state_legacy.pth', /PyTorch's old legacy form/],
      ['module_soft_attention_legacy.pt', /PyTorch's old legacy form/],
    ])('%s is refused', async (file, message) => {
      const error: unknown = await readWeights(inFolder(file)).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UserError);
      expect((error as UserError).message).toContain(inFolder(file));
      expect((error as UserError).message).toMatch(message);
      expect((error as UserError).hint).toMatch(/torch\.save|PyTorch 1\.6/);
    });
  });
});

describe('forms', () => {
  it('are told apart by their first bytes', () => {
    expect(describeTorchFile(readFileSync(join(goldens, 'state_zip.pth')).subarray(0, 512))).toBe('zip');
    expect(describeTorchFile(Buffer.from('80028a0a6cfc9c46f9206aa850192e8002', 'hex'))).toBe('legacy');
    const tar = Buffer.alloc(512);
    tar.write('ustar', 257);
    expect(describeTorchFile(tar)).toBe('tar');
    expect(describeTorchFile(Buffer.from('{"a": 1}'))).toBeNull();
    expect(describeTorchFile(Buffer.alloc(0))).toBeNull();
  });

  it.each(['state_dict', 'model'])(
    'weights under %s, beside plain data, without the prefix module.',
    async (key) => {
      const state = dict([
        [text('module.a'), vector('0', 2)],
        [text('module.b'), vector('1', 1)],
      ]);
      const object = dict([
        [text('epoch'), int(3)],
        [text(key), state],
      ]);
      const read = await readTorchZip(written(torchFile(object, { 0: f32(1, 2), 1: f32(3) })));
      expect([...read].map(([name, { data }]) => [name, ...data])).toEqual([
        ['a', 1, 2],
        ['b', 3],
      ]);
    },
  );

  it('16-bit and 8-bit integers', async () => {
    const view = { key: '0', shape: [2], strides: [1], length: 2 };
    const read = async (storage: string, bytes: Uint8Array) => [
      ...(await readTorchZip(written(one(tensor({ ...view, storage }), { 0: bytes })))).get('w')!.data,
    ];
    expect(await read('ShortStorage', new Uint8Array(Int16Array.of(-3, 300).buffer))).toEqual([-3, 300]);
    expect(await read('CharStorage', Uint8Array.of(255, 127))).toEqual([-1, 127]);
  });

  it('random strides and offsets as by their definition', async () => {
    const random = Random.from(1);
    const values = Array.from({ length: 60 }, (_, i) => i);
    for (let i = 0; i < 50; i++) {
      const shape = Array.from({ length: random.integer(4) }, () => random.integer(4));
      const strides = shape.map(() => random.integer(6));
      const offset = random.integer(10); // at most 9 + 3 x 3 x 5 = 54
      const bytes = one(vector('0', 60, { shape, strides, offset }), { 0: f32(...values) });
      let places = [offset];
      shape.forEach((length, axis) => {
        places = places.flatMap((at) => Array.from({ length }, (_, j) => at + j * strides[axis]));
      });
      expect([...(await readTorchZip(written(bytes))).get('w')!.data]).toEqual(places);
    }
  });
});

describe('what is wrong is named', () => {
  const storages = { 0: f32(1, 2, 3) };
  const deep = () => {
    // Forty lists, each of which holds the one before twice: as a text it would have 2^40 parts.
    const doubled = Array.from({ length: 40 }, () => Buffer.from('q\x000]q\x01h\x00ah\x00ah\x01', 'latin1'));
    return Buffer.concat([Buffer.from(']'), ...doubled]);
  };
  // prettier-ignore
  const cases: [string, Uint8Array, RegExp][] = [
    ['a global', one(global('os', 'system'), {}), /Python object "os\.system"/],
    ['a class of the module', one(call(global('torch.nn', 'Linear')), {}), /Python object "torch\.nn\.Linear"/],
    ['no dict', torchFile(vector('0', 3), storages), /holds no dict/],
    ['an empty dict', torchFile(dict([]), {}), /holds no tensors/],
    ['something else in the dict', one(int(3), {}), /entry "w" is not a tensor/],
    ['a key that is a number', torchFile(dict([[int(1), vector('0', 3)]]), storages), /key that is not a text/],
    ['a key of nested lists', torchFile(dict([[deep(), vector('0', 3)]]), storages), /key that is not a text/],
    ['a missing storage', one(vector('1', 3), storages), /storage "1" is missing/],
    ['a short storage', one(vector('0', 4), storages), /storage "0" has 12 bytes, not 16/],
    ['a view beyond its storage', one(vector('0', 3, { offset: 1 }), storages), /reaches element 3 of a storage that has 3/],
    ['a stride beyond it', one(vector('0', 3, { shape: [2, 2], strides: [1, 2] }), storages), /reaches element 3/],
    ['too few strides', one(vector('0', 3, { strides: [] }), storages), /one stride a dimension/],
    ['a negative stride', one(vector('0', 3, { strides: [-1] }), storages), /a tensor is malformed/],
    ['a hundred dimensions', one(vector('0', 3, { shape: Array(100).fill(1) as number[], strides: Array(100).fill(1) as number[] }), storages), /a tensor is malformed/],
    ['10^12 views of one number', one(vector('0', 3, { shape: [1e6, 1e6], strides: [0, 0] }), storages), /have 1000000000000 elements, more than the \d+ bytes/],
    ['numbers of the wrong order', zipFile({ 'a/data.pkl': pickle.whole(dict([])), 'a/byteorder': Buffer.from('big') }), /not little-endian/],
    ['another zip file', zipFile({ 'readme.txt': Buffer.from('hello') }), /holds no data\.pkl/],
    ['a compressed entry', zipFile({ 'a/data.pkl': Buffer.from('x') }, 8), /"a\/data\.pkl" is compressed/],
    ['an unknown instruction', zipFile({ 'a/data.pkl': Buffer.from([0x80, 2, 0xff]) }), /unknown instruction 0xff at byte 2/],
    ['an end too early', zipFile({ 'a/data.pkl': Buffer.from([0x80, 2, 0x58, 9, 0, 0, 0]) }), /ends too early/],
    ['an object that is not there', zipFile({ 'a/data.pkl': Buffer.from('h\x07.') }), /object 7 that it does not hold/],
    ['a value that is not there', zipFile({ 'a/data.pkl': Buffer.from('.') }), /misses a value/],
  ];
  it.each(cases)('%s', async (_, bytes, message) => {
    const path = written(bytes);
    const error: unknown = await readWeights(path).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toContain(path);
    expect((error as UserError).message).toMatch(message);
  });

  it('a file that is not there', async () => {
    await expect(readTorchZip(join(directory, 'none.pth'))).rejects.toThrow(
      /cannot read the weights .*none\.pth/,
    );
  });

  it('a damaged file is read or refused, never anything else', async () => {
    const whole = readFileSync(join(goldens, 'state_zip.pth'));
    const random = Random.from('damage');
    let refused = 0;
    for (let i = 0; i < 400; i++) {
      let bytes = Buffer.from(whole);
      // A third is cut short; the rest has up to four bytes changed, most of them in the pickle or the directory.
      if (i % 3 === 0) bytes = bytes.subarray(0, random.integer(whole.length));
      else {
        for (let n = 0; n <= random.integer(4); n++) {
          const at = random.pick([random.integer(1300), random.integer(whole.length)]);
          bytes[at] = random.integer(256);
        }
      }
      const error: unknown = await readWeights(written(bytes)).catch((thrown: unknown) => thrown);
      if (error instanceof Error) {
        expect(error, `damage ${i}`).toBeInstanceOf(UserError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(200);
    expect(refused).toBeLessThan(400);
  });
});
