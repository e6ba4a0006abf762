import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { goldenParameter, readGolden, sharedPath } from '../../../tests/helpers.js';
import { Random, UserError } from '../../core/index.js';
import { MemorySource } from './byte-source.js';
import { describeFile, inspectWeights, openSource, readWeights, type WeightTensor } from './index.js';
import { legacyFile, moduleOf, pickle, tensor, torchFile, zipFile } from './torch-file.cases.js';
import type { TensorView } from './torch-file.cases.js';

const goldens = fileURLToPath(new URL('../../../tests/goldens/torch/', import.meta.url));
type Expected = Record<string, { dtype: string; shape: number[]; values: number[] }>;
const expected = readGolden('torch/expected.json') as Expected;

const open = async (bytes: Uint8Array) => (await openSource(new MemorySource(bytes), 'test.pth')).tensors;
const openFile = (path: string) => open(readFileSync(path));

/** Names and numbers of a file. */
async function numbers(bytes: Uint8Array): Promise<Record<string, number[]>> {
  return Object.fromEntries((await open(bytes)).map(({ name, read }) => [name, Array.from(read(), Number)]));
}

/** PyTorch's own numbers, exactly, in their own types. */
function expectGolden(tensors: WeightTensor[]): void {
  const found = tensors.map(({ name, dtype, shape, read }) => {
    return [name, { dtype, shape, values: Array.from(read(), Number) }];
  });
  expect(Object.fromEntries(found)).toEqual(expected);
}

async function errorOf(bytes: Uint8Array): Promise<UserError> {
  const error: unknown = await open(bytes).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return error as UserError;
}

const { int, text, global, call, dict, list, tuple, none, object } = pickle;
const f32 = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const vector = (key: string, length: number, change: Partial<TensorView> = {}) =>
  tensor({ storage: 'FloatStorage', key, length, shape: [length], strides: [1], ...change });
const weight = (value: Buffer): [Buffer, Buffer][] => [[text('w'), value]];
const one = (value: Buffer, storages: Record<string, Uint8Array>) => torchFile(dict(weight(value)), storages);

describe('files of PyTorch', () => {
  it.each(['state_zip.pth', 'state_legacy.pth', 'nested_zip.pth'])(
    '%s: every type, a scalar, an empty tensor, views of one storage, a parameter',
    async (file) => expectGolden(await openFile(join(goldens, file))),
  );

  it('64-bit integers keep all their bits', async () => {
    const wide = (await openFile(join(goldens, 'state_zip.pth'))).find(({ name }) => name === 'i64')!;
    expect(wide.read()).toEqual(BigInt64Array.of(1n, -2n, 3n, 1099511627776n));
  });

  it('as float32 for the models', async () => {
    const state = await readWeights(join(goldens, 'state_legacy.pth'));
    for (const [name, { shape, values }] of Object.entries(expected)) {
      expect(state.get(name), name).toEqual({ shape, data: Float32Array.from(values) });
    }
  });

  it('what a file holds, without its numbers', async () => {
    const { form, tensors } = await inspectWeights(join(goldens, 'nested_zip.pth'));
    expect(form).toBe('PyTorch (zip)');
    expect(tensors[3]).toEqual({ name: 'f64', dtype: 'float64', shape: [2, 3] });
  });

  const shared = sharedPath('goldens', 'torch', 'checkpoints');
  const legacyModule = 'module_soft_attention_legacy.pt';
  it.each([
    ['module_plain_lstm.pt', join(goldens, 'module_plain_lstm.pt'), 15],
    ['module_soft_attention.pt', join(goldens, 'module_soft_attention.pt'), 19],
    [`${legacyModule} (skipped where the shared folder is absent)`, shared && join(shared, legacyModule), 19],
  ])('the whole module %s', async (_, path, count) => {
    if (path === undefined) return;
    const tensors = await openFile(path);
    expect(tensors).toHaveLength(count);
    for (const { name, shape, read } of tensors) {
      const difference = (read() as Float32Array).map((x, i) => x - goldenParameter(name, shape)[i]);
      // The rule is computed in float64 there and here, and rounded once or twice.
      expect(Math.max(...difference.map(Math.abs)), name).toBeLessThan(1e-6);
    }
  });

  it('a call of a function and a file cut short are refused', async () => {
    const hostile = await errorOf(readFileSync(join(goldens, 'hostile_call.pth')));
    expect(hostile.message).toMatch(/test\.pth: it asks to call the Python function "builtins\.print"/);
    expect(hostile.hint).toMatch(/torch\.save/);
    const cut = await errorOf(readFileSync(join(goldens, 'truncated.pth')));
    expect(cut.message).toMatch(/test\.pth: the zip file is damaged/);
  });
});

describe('forms', () => {
  it('are told apart by their first bytes', () => {
    const head = (file: string) => readFileSync(join(goldens, file)).subarray(0, 512);
    expect(describeFile(head('state_zip.pth'))).toBe('zip');
    expect(describeFile(head('state_legacy.pth'))).toBe('legacy');
    const tar = Buffer.alloc(512);
    tar.write('ustar', 257);
    expect(describeFile(tar)).toBe('tar');
    expect(describeFile(Buffer.from('12345678{"a": 1}'))).toBe('safetensors');
    expect(describeFile(Buffer.from('{"a": 1, "b": 2}'))).toBeNull();
    expect(describeFile(Buffer.alloc(0))).toBeNull();
  });

  it('a tar archive is refused, and anything else', async () => {
    const tar = Buffer.alloc(600);
    tar.write('ustar', 257);
    expect((await errorOf(tar)).message).toMatch(/a tar archive, PyTorch's oldest form/);
    expect((await errorOf(Buffer.from('hello, world'))).message).toMatch(/neither a safetensors file nor/);
  });

  it.each(['state_dict', 'model', 'model_state_dict'])(
    'weights under %s, beside what a training keeps, without the prefix module.',
    async (key) => {
      const state = dict([
        [text('module.a'), vector('0', 2)],
        [text('module.b'), vector('1', 1)],
      ]);
      // A tensor of complex numbers, one whose storage is missing, a path: nobody asks for them.
      const complex = tensor({
        ...{ storage: 'ComplexFloatStorage', key: '9' },
        length: 1,
        shape: [],
        strides: [],
      });
      const path = call(global('pathlib', 'PosixPath'), text('out'));
      const args = object(global('argparse', 'Namespace'), { out: path, dtype: global('torch', 'float32') });
      const rest = dict([
        [int(0), complex],
        [text('shape'), call(global('torch', 'Size'), tuple(int(2)))],
        [text('seen'), call(global('builtins', 'set'), list(int(1)))],
      ]);
      const whole = dict([
        [text('epoch'), int(3)],
        [text('optimizer'), rest],
        [text('args'), args],
        [text(key), state],
      ]);
      expect(await numbers(torchFile(whole, { 0: f32(1, 2), 1: f32(3) }))).toEqual({ a: [1, 2], b: [3] });
      expect(await numbers(legacyFile(whole, { 0: f32(1, 2), 1: f32(3) }))).toEqual({
        a: [1, 2],
        b: [3],
      });
    },
  );

  it('16-bit and 8-bit integers', async () => {
    const view = { key: '0', shape: [2], strides: [1], length: 2 };
    const read = async (storage: string, bytes: Uint8Array) =>
      (await numbers(one(tensor({ ...view, storage }), { 0: bytes }))).w;
    expect(await read('ShortStorage', new Uint8Array(Int16Array.of(-3, 300).buffer))).toEqual([-3, 300]);
    expect(await read('CharStorage', Uint8Array.of(255, 127))).toEqual([-1, 127]);
  });

  it('a tensor that names its type, of an untyped storage', async () => {
    const id = tuple(
      text('storage'),
      global('torch.storage', 'UntypedStorage'),
      text('0'),
      text('cpu'),
      int(6),
    );
    const typed = call(
      ...[global('torch._utils', '_rebuild_tensor_v3'), Buffer.concat([id, Buffer.from('Q')]), int(1)],
      ...[tuple(int(2)), tuple(int(1)), Buffer.from([0x89]), none, global('torch', 'uint16')],
    );
    const bytes = new Uint8Array(Uint16Array.of(1, 65535, 7).buffer);
    expect(await numbers(one(typed, { 0: bytes }))).toEqual({ w: [65535, 7] });
  });

  it('a view of a part of a storage, as the legacy form describes it', async () => {
    const part = vector('0', 4, { shape: [2], view: tuple(text('part'), int(1), int(3)), offset: 1 });
    expect(await numbers(legacyFile(dict(weight(part)), { 0: f32(1, 2, 3, 4) }))).toEqual({ w: [3, 4] });
  });

  it("a module within modules, its layers without bias, in the legacy form with the classes' sources", async () => {
    const cls = tuple(text('module'), global('mine', 'Net'), text('net.py'), text('class Net: pass'));
    const layer = moduleOf(global('torch.nn.modules.linear', 'Linear'), {
      parameters: { weight: vector('0', 2), bias: none },
    });
    const inner = moduleOf(global('mine', 'Net'), {
      parameters: { scale: vector('1', 1) },
      modules: { layer },
    });
    const net = moduleOf(Buffer.concat([cls, Buffer.from('Q')]), {
      modules: { module: inner, unused: none },
    });
    expect(await numbers(legacyFile(net, { 0: f32(1, 2), 1: f32(3) }))).toEqual({
      scale: [3],
      'layer.weight': [1, 2],
    });
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
      expect(await numbers(bytes)).toEqual({ w: places });
    }
  });
});

/** An object whose dict of modules is the dict with key 1 of the memo. */
function moduleAgain(): Buffer {
  return object(global('mine', 'Net'), { _modules: Buffer.from('h\x01', 'latin1') });
}

/** Forty modules, each of which holds the one before twice. */
function multiplying(): Buffer {
  const inner = Buffer.concat([moduleOf(global('mine', 'Net'), {}), Buffer.from('q\x00', 'latin1')]);
  return Array.from({ length: 40 }).reduce<Buffer>((before) => {
    const both = { a: before, b: Buffer.from('h\x00', 'latin1') };
    return Buffer.concat([
      moduleOf(global('mine', 'Net'), { modules: both }),
      Buffer.from('q\x00', 'latin1'),
    ]);
  }, inner);
}

describe('what is wrong is named', () => {
  const storages = { 0: f32(1, 2, 3) };
  const deep = () => {
    // Forty lists, each of which holds the one before twice: as a text it would have 2^40 parts.
    const doubled = Array.from({ length: 40 }, () => Buffer.from('q\x000]q\x01h\x00ah\x00ah\x01', 'latin1'));
    return Buffer.concat([Buffer.from(']'), ...doubled]);
  };
  // The module's own _modules, once more: ] -> memo 0, the dict of modules -> memo 1.
  const endless = object(global('mine', 'Net'), {
    _modules: Buffer.concat([Buffer.from('}q\x01', 'latin1'), text('a'), moduleAgain(), Buffer.from('s')]),
  });
  // prettier-ignore
  const cases: [string, Uint8Array, RegExp][] = [
    ['a function', one(call(global('os', 'system'), text('x')), {}), /to call the Python function "os\.system"/],
    ['a call of a class', one(call(global('torch.nn', 'Linear')), {}), /to call the Python function "torch\.nn\.Linear"/],
    ['a function made by another', one(call(call(global('collections', 'OrderedDict'))), {}), /calls something that is not a function/],
    ['a function that would rebuild tensors', one(call(global('torch._tensor', '_rebuild_from_type_v2'), global('os', 'system'), none, tuple()), {}), /a tensor is malformed/],
    ['an object of a text', one(object(text('x'), {}), {}), /object of something that is not a class/],
    ['only a global', one(global('os', 'system'), {}), /entry "w" is not a tensor/],
    ['no dict', torchFile(vector('0', 3), storages), /holds neither a dict of tensors nor a module/],
    ['complex numbers', one(vector('0', 1, { storage: 'ComplexFloatStorage' }), { 0: f32(1, 2) }), /elements of its entry "w" \(ComplexFloatStorage\) are not read/],
    ['a program of TorchScript', zipFile({ 'a/data.pkl': pickle.whole(dict([])), 'a/constants.pkl': Buffer.of() }), /a TorchScript program/],
    ['modules within each other without end', torchFile(endless, {}), /its modules lie too deep/],
    ['modules that multiply', torchFile(multiplying(), {}), /too many modules/],
    ['one storage viewed again and again', torchFile(dict(Array.from({ length: 300 }, (_, i) => [text(`w${i}`), vector('0', 3000, { shape: [2], strides: [2999] })])), { 0: f32(...Array(3000).keys()) }), /view the same numbers again and again/],
    ['a legacy file that ends too early', legacyFile(dict(weight(vector('0', 3))), storages).subarray(0, -1), /the storage "0" ends beyond the file/],
    ['a legacy storage of another size', legacyFile(dict(weight(vector('0', 4))), storages), /storage "0" has 12 bytes, not 16/],
    ['a legacy storage of nobody', legacyFile(dict(weight(vector('0', 3))), { ...storages, 1: f32(1) }), /a storage that no tensor refers to/],
    ['a name of many words', torchFile(dict([[text('a.'.repeat(300)), vector('0', 3)]]), storages), /is too long/],
    ['an empty dict', torchFile(dict([]), {}), /it holds no tensors/],
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
    const error = await errorOf(bytes);
    expect(error.message).toContain('test.pth');
    expect(error.message).toMatch(message);
  });

  it('a file that is not there, and a folder', async () => {
    await expect(readWeights(join(goldens, 'none.pth'))).rejects.toThrow(
      /cannot read the weights .*none\.pth/,
    );
    await expect(readWeights(goldens)).rejects.toThrow(/it is not a file/);
  });
});
