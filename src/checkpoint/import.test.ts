import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { sharedPath } from '../../tests/helpers.js';
import { readWeights, writeSafetensors, type StateDict } from '../models/index.js';
import { pickle, tensor, torchFile } from '../models/weights/torch-file.cases.js';
import { readDecoder, readOriginal, readVocabulary, type ImportRequest } from './import.js';

const directory = mkdtempSync(join(tmpdir(), 'showtell-import-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const folder = fileURLToPath(new URL('../../tests/goldens/torch/', import.meta.url));
const golden = (file: string) => join(folder, file);

function written(name: string, content: Uint8Array | string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const safetensors = (state: StateDict) =>
  written('state.safetensors', writeSafetensors(state, { dtype: 'F32' }));

/** The same tensors as `torch.save(module.state_dict())` writes them. */
function stateFile(state: StateDict): string {
  const names = [...state.keys()];
  const entries = names.map((name, i): [Buffer, Buffer] => {
    const { shape, data } = state.get(name)!;
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
    const view = { storage: 'FloatStorage', key: String(i), length: data.length, shape, strides };
    return [pickle.text(name), tensor(view)];
  });
  const storages = names.map((name, i) => [i, new Uint8Array(state.get(name)!.data.buffer)] as const);
  return written('state.pth', torchFile(pickle.dict(entries), Object.fromEntries(storages)));
}

describe.each([
  [
    'module_plain_lstm.pt',
    { type: 'lstm', embedding: 12, hidden: 10, layers: 3, dropout: 0.05, outputDropout: 0 },
  ],
  [
    'module_soft_attention.pt',
    { type: 'soft-attention', embedding: 11, hidden: 10, attention: 14, dropout: 0.5 },
  ],
])('%s', (file, config) => {
  it('says its type and sizes', async () => {
    const decoder = await readDecoder(golden(file));
    expect(decoder).toMatchObject({ config, vocabularySize: 23, featureChannels: 12 });
  });

  it('is the same as a state dict of PyTorch, as safetensors, and as a part of a captioner', async () => {
    const decoder = await readDecoder(golden(file));
    expect(await readDecoder(stateFile(decoder.state))).toEqual(decoder);
    expect(await readDecoder(safetensors(decoder.state))).toEqual(decoder);
    const captioner: StateDict = new Map([['encoder.w', { shape: [1], data: Float32Array.of(1) }]]);
    for (const [name, entry] of decoder.state) captioner.set(`decoder.${name}`, entry);
    expect(await readDecoder(safetensors(captioner))).toEqual(decoder);
  });
});

it('the size of a projected image is that before the projection', async () => {
  const state = await readWeights(golden('module_plain_lstm.pt'));
  state.set('project.weight', { shape: [12, 30], data: new Float32Array(360) });
  state.set('project.bias', { shape: [12], data: new Float32Array(12) });
  expect(await readDecoder(safetensors(state))).toMatchObject({ featureChannels: 30 });
});

describe('a file without such a decoder', () => {
  const attention = () => readWeights(golden('module_soft_attention.pt'));
  const vector = (n: number) => ({ shape: [n], data: new Float32Array(n) });
  it.each<[string, (state: StateDict) => void, RegExp]>([
    ['without a bias', (state) => state.delete('fc.bias'), /fc\.bias \(23\) is missing/],
    [
      'with another layer',
      (state) => state.set('norm.weight', vector(3)),
      /"norm\.weight" is not a parameter/,
    ],
    [
      'with shapes that contradict each other',
      (state) => state.set('f_beta.weight', { shape: [10, 12], data: new Float32Array(120) }),
      /f_beta\.weight is 10 x 12, expected 12 x 10 by the other shapes/,
    ],
    ['without words', (state) => state.delete('embed.weight'), /embed\.weight is missing/],
    [
      'with words in a row',
      (state) => state.set('embed.weight', vector(23)),
      /embed\.weight is 23, not a matrix/,
    ],
    [
      'of huge sizes',
      (state) => state.set('lstm_cell.weight_hh', { shape: [1, 1e5], data: new Float32Array(1e5) }),
      /lstm_cell\.weight_hh is 1 x 100000, expected 400000 x 100000/,
    ],
  ])('%s', async (_, change, message) => {
    const state = await attention();
    change(state);
    await expect(readDecoder(safetensors(state))).rejects.toThrow(message);
    await expect(readDecoder(safetensors(state))).rejects.toThrow(/state\.safetensors holds no decoder/);
  });
});

describe('a vocabulary', () => {
  const words = JSON.parse(readFileSync(golden('vocab.json'), 'utf8')) as string[];

  it('is read from a pickle, from JSON and from a checkpoint', () => {
    const pickled = readVocabulary(golden('vocab.pkl'));
    expect(pickled.words).toEqual(['<pad>', '<unk>', '<eos>', '<bos>', ...words.slice(4)]);
    expect(readVocabulary(golden('vocab.json')).words).toEqual(pickled.words);
    expect(readVocabulary(written('vocabulary.json', JSON.stringify(pickled))).words).toEqual(pickled.words);
  });

  const seed = sharedPath('goldens', 'seed', 'vocab.pkl');
  it.skipIf(!seed)("is the original's of 5,910 words (skipped where the shared folder is absent)", () => {
    const vocabulary = readVocabulary(seed!);
    expect(vocabulary.size).toBe(5910);
    expect(vocabulary.words.slice(4, 14)).toEqual([
      'a',
      'on',
      'of',
      'the',
      'in',
      'with',
      'and',
      'is',
      '',
      'man',
    ]);
    expect(vocabulary.idOf('pad')).toBe(1789); // a word, not the special one
  });

  const list = (...items: Buffer[]) => pickle.whole(pickle.list(...items));
  const specials = ['PAD', 'UNK', 'EOS', 'BOS'].map(pickle.text);
  it.each([
    [
      'of other special words',
      list(...['a', 'b', 'c', 'd'].map(pickle.text)),
      /does not begin with PAD, UNK, EOS, BOS/,
    ],
    ['with a number', list(...specials, pickle.int(3)), /no list of strings/],
    ['with a word twice', list(...specials, pickle.text('a'), pickle.text('a')), /the word "a" occurs twice/],
    ['that is a dict', pickle.whole(pickle.dict([[pickle.text('a'), pickle.int(1)]])), /no object/],
    [
      'that calls',
      pickle.whole(pickle.call(pickle.global('os', 'system'), pickle.text('x'))),
      /call the Python function "os\.system"/,
    ],
    [
      'that is no pickle',
      Buffer.from('hello'),
      /cannot read the pickle .*unknown instruction 0x68|.*object 101/,
    ],
    ['that is cut short', readFileSync(golden('vocab.pkl')).subarray(0, 90), /ends too early/],
    ['of damaged JSON', Buffer.from('["PAD",'), /cannot read the vocabulary/],
  ])('%s is refused', (_, content, message) => {
    const path = written('vocab.pkl', content);
    expect(() => readVocabulary(path)).toThrow(message);
    expect(() => readVocabulary(path)).toThrow(path);
  });
});

describe('what does not fit together', () => {
  const request: ImportRequest = {
    decoder: golden('module_soft_attention.pt'),
    vocabulary: golden('vocab.pkl'),
    encoder: null,
    encoderWeights: null,
    output: join(directory, 'out'),
    overwrite: false,
  };
  /** The request with a decoder for features of this many channels. */
  async function withChannels(channels: number): Promise<ImportRequest> {
    const state = await readWeights(golden('module_plain_lstm.pt'));
    const matrix = (rows: number) => ({ shape: [rows, channels], data: new Float32Array(rows * channels) });
    state.set('embed.weight', matrix(23)).set('lstm_cell.weight_ih_l0', matrix(40));
    return { ...request, decoder: safetensors(state) };
  }

  it('vocabulary and decoder', async () => {
    const words = ['PAD', 'UNK', 'EOS', 'BOS', 'a'];
    const vocabulary = written('five.json', JSON.stringify(words));
    await expect(readOriginal({ ...request, vocabulary })).rejects.toThrow(
      /five\.json has 5 words, the decoder .*module_soft_attention\.pt 23/,
    );
  });

  it('encoder and decoder', async () => {
    await expect(readOriginal(request)).rejects.toThrow(/no encoder of showtell gives the 12 channels/);
    await expect(readOriginal(await withChannels(512))).rejects.toThrow(
      /several encoders give the 512 channels .*: resnet18, resnet34/,
    );
    await expect(readOriginal({ ...(await withChannels(512)), encoder: 'mobilenet_v2' })).rejects.toThrow(
      /takes image features of 512 channels, the encoder "mobilenet_v2" gives 1280/,
    );
    await expect(readOriginal({ ...request, encoder: 'constructor' })).rejects.toThrow(
      /no encoder "constructor"/,
    );
  });

  it.each([null, 'none', 'torchvision'])('an encoder without a file: %s', async (encoderWeights) => {
    const error: unknown = await readOriginal({ ...(await withChannels(576)), encoderWeights }).catch(
      (e) => e,
    );
    expect(error).toMatchObject({
      message: 'the weights of the encoder "mobilenet_v3_small" are missing; a checkpoint captions by itself',
      hint: expect.stringMatching(/download https:.*mobilenet_v3_small-047dcff4\.pth and give the file/),
    });
  });

  it('an output that is something else', async () => {
    await expect(readOriginal({ ...request, output: directory, overwrite: true })).rejects.toThrow(
      /exists and is not a checkpoint/,
    );
    await expect(readOriginal({ ...request, output: request.decoder })).rejects.toThrow(
      /is not a checkpoint/,
    );
  });
});
