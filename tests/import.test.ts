/** From PyTorch's files to captions and back, through the command line. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from './command-line.js';
import { prepareBackend, tf } from '../src/backend/index.js';
import { loadCheckpoint, readDecoder, saveCheckpoint } from '../src/checkpoint/index.js';
import { configSchema } from '../src/config/index.js';
import { decodeImage, resizeAndCrop, stackPixels } from '../src/data/index.js';
import { normalizePixels } from '../src/infer/features.js';
import {
  createDecoder,
  createEncoder,
  openWeights,
  readWeights,
  writeSafetensors,
  type StateDict,
} from '../src/models/index.js';
import { moduleOf, pickle, tensor, torchFile } from '../src/models/weights/torch-file.cases.js';
import { uniform } from './helpers.js';

const directory = mkdtempSync(join(tmpdir(), 'showtell-import-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const at = (...parts: string[]) => join(directory, ...parts);
const golden = (file: string) => fileURLToPath(new URL(`goldens/torch/${file}`, import.meta.url));

function showtell(...argv: string[]) {
  return runCommand(argv, process.env);
}

const [C, V, H, A, E] = [576, 23, 6, 5, 7];

/** Modules by the path to their parameters, and the shapes of those. */
type Shapes = Record<string, Record<string, number[]>>;
const attention: Shapes = {
  embed: { weight: [V, E] },
  lstm_cell: { weight_ih: [4 * H, E + C], weight_hh: [4 * H, H], bias_ih: [4 * H], bias_hh: [4 * H] },
  fc: { weight: [V, H], bias: [V] },
  'attention.encoder_attn': { weight: [A, C], bias: [A] },
  'attention.decoder_attn': { weight: [A, H], bias: [A] },
  'attention.full_attn': { weight: [1, A], bias: [1] },
  init_h: { weight: [H, C], bias: [H] },
  init_c: { weight: [H, C], bias: [H] },
  f_beta: { weight: [C, H], bias: [C] },
};
const plain: Shapes = {
  embed: { weight: [V, C] },
  lstm_cell: {
    weight_ih_l0: [4 * H, C],
    weight_hh_l0: [4 * H, H],
    bias_ih_l0: [4 * H],
    bias_hh_l0: [4 * H],
  },
  linear: { weight: [V, H], bias: [V] },
};

/** A whole module as `torch.save(module)` writes it, with numbers that depend on their names. */
function moduleFile(shapes: Shapes): Buffer {
  const storages: Record<string, Uint8Array> = {};
  const modules: Record<string, Buffer> = {};
  const nested: Record<string, Buffer> = {};
  for (const [path, parameters] of Object.entries(shapes)) {
    const tensors = Object.entries(parameters).map(([name, shape]) => {
      const length = shape.reduce((a, b) => a * b, 1);
      const key = String(Object.keys(storages).length);
      storages[key] = new Uint8Array(uniform(`${path}.${name}`, length).buffer);
      const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
      return [name, tensor({ storage: 'FloatStorage', key, length, shape, strides })] as const;
    });
    const module = moduleOf(pickle.global('torch.nn.modules.linear', 'Linear'), {
      parameters: Object.fromEntries(tensors),
    });
    const [outer, inner] = path.split('.');
    if (inner === undefined) modules[outer] = module;
    else nested[inner] = module;
  }
  if (Object.keys(nested).length > 0) {
    modules.attention = moduleOf(pickle.global('__main__', 'Attention'), { modules: nested });
  }
  return torchFile(moduleOf(pickle.global('__main__', 'Decoder'), { modules }), storages);
}

/** Bits; vitest's own comparison takes long for millions of numbers. */
function expectSame(actual: StateDict, expected: StateDict): void {
  for (const [name, { shape, data }] of actual) {
    expect(shape, name).toEqual(expected.get(name)?.shape);
    expect(Buffer.from(data.buffer).equals(Buffer.from(expected.get(name)!.data.buffer)), name).toBe(true);
  }
}

const weights = () => at('mobilenet_v3_small.safetensors');
const importing = (decoder: string, output: string, ...more: string[]) =>
  showtell(
    ...['import', '--decoder', decoder, '--vocabulary', golden('vocab.pkl')],
    ...['--encoder-weights', weights(), '--output', output, ...more],
  );

beforeAll(async () => {
  await prepareBackend();
  const encoder = createEncoder({ name: 'mobilenet_v3_small', state: null, train: 'none', seed: 3 });
  writeFileSync(weights(), writeSafetensors(encoder.stateDict(), { dtype: 'F32' }));
  encoder.dispose();
  writeFileSync(at('attention.pt'), moduleFile(attention));
  writeFileSync(at('plain.pt'), moduleFile(plain));
  const pixels = Buffer.from(uniform('photo', 300 * 260 * 3).map((x) => 127 * (x + 1)));
  await sharp(pixels, { raw: { width: 300, height: 260, channels: 3 } })
    .png()
    .toFile(at('photo.png'));
});

describe.each(['attention', 'plain'])('the %s decoder with an encoder', (name) => {
  const checkpoint = () => at(name);

  it('becomes a checkpoint', async () => {
    const { code, out, err } = await importing(at(`${name}.pt`), checkpoint());
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe(
      `decoder: ${name === 'plain' ? 'lstm' : 'soft-attention'}, hidden 6, 23 words\n` +
        `encoder: mobilenet_v3_small\ncheckpoint: ${checkpoint()}\n`,
    );
    const { config, decoder, encoder, vocabulary } = loadCheckpoint(checkpoint());
    expect(config.encoder).toMatchObject({ name: 'mobilenet_v3_small', weights: weights() });
    expect(config.image).toMatchObject({ resize: 256, crop: 224, mean: [0.485, 0.456, 0.406] });
    expect(decoder.stateDict()).toEqual((await readDecoder(at(`${name}.pt`))).state);
    expect(vocabulary.wordOf(12)).toBe('');
    const given = await readWeights(weights());
    expectSame(encoder.stateDict({ classifier: false }), given);
    encoder.dispose();
    decoder.dispose();
    const card = readFileSync(join(checkpoint(), 'README.md'), 'utf8');
    expect(card).toMatch(/By another program/);
    expect(card).not.toMatch(/Adam|words seen/);
  });

  it('captions an image with the greedy words of its parts', async () => {
    const argv = ['caption', '--checkpoint', checkpoint(), '--json', '--max-words', '8', at('photo.png')];
    const { code, out } = await showtell(...argv);
    expect(code).toBe(0);
    const { config, encoder, decoder, vocabulary } = loadCheckpoint(checkpoint());
    const image = resizeAndCrop(await decodeImage(at('photo.png')), config.image);
    const expected = tf.tidy(() => {
      const map = encoder.forward(normalizePixels(stackPixels([image]), config.image)); // (1, 7, 7, C)
      const features = name === 'plain' ? encoder.pooled(map) : tf.reshape(map, [1, 49, C]);
      let state = decoder.start(features);
      const words: string[] = [];
      for (let id = 3; words.length < 8;) {
        const step = decoder.step(state, tf.tensor1d([id], 'int32'));
        state = step.state;
        const logits = step.logits.dataSync();
        // Never <pad>, <unk> and <bos>.
        [id] = [...logits.keys()]
          .filter((each) => ![0, 1, 3].includes(each))
          .sort((a, b) => logits[b] - logits[a]);
        if (id === 2) break;
        words.push(vocabulary.wordOf(id));
      }
      return words;
    });
    encoder.dispose();
    decoder.dispose();
    expect(JSON.parse(out).words).toEqual(expected);
  });

  it('goes back to PyTorch and comes again, bit for bit', async () => {
    const { code, out } = await showtell(
      ...[
        'export',
        '--checkpoint',
        checkpoint(),
        '--format',
        'pytorch-names',
        '--output',
        at(`${name}.safetensors`),
      ],
    );
    const files = ['decoder', 'encoder'].map((part) => at(`${name}.${part}.safetensors`));
    expect({ code, out }).toEqual({ code: 0, out: `${files.join('\n')}\n` });
    expect(await readWeights(files[0])).toEqual((await readDecoder(at(`${name}.pt`))).state);
    const given = await readWeights(weights());
    const exported = await readWeights(files[1]);
    expectSame(exported, given);
    // All of torchvision's names but those of the classifier, which captioning does not use.
    expect([...given.keys()].filter((key) => !exported.has(key))).toEqual(
      [...given.keys()].filter((key) => key.startsWith('classifier.')),
    );

    const again = await showtell(
      ...['import', '--decoder', files[0], '--vocabulary', join(checkpoint(), 'vocabulary.json')],
      ...['--encoder-weights', files[1], '--output', at(`${name}-again`)],
    );
    expect(again.code).toBe(0);
    const model = (folder: string) => readFileSync(at(folder, 'model.safetensors'));
    expect(model(`${name}-again`).equals(model(name))).toBe(true);

    const one = at(`${name}.one.safetensors`);
    expect((await showtell('export', '--checkpoint', checkpoint(), '--output', one)).out).toBe(`${one}\n`);
    const third = ['--vocabulary', join(checkpoint(), 'vocabulary.json'), '--output', at(`${name}-third`)];
    expect((await showtell('import', '--decoder', one, '--encoder-weights', one, ...third)).code).toBe(0);
    expect(model(`${name}-third`).equals(model(name))).toBe(true);
  });
});

describe('showtell import refuses', () => {
  it.each<[string, () => string, RegExp]>([
    [
      'a file that calls a function',
      () => golden('hostile_call.pth'),
      /call the Python function "builtins\.print"/,
    ],
    ['a file cut short', () => golden('truncated.pth'), /the zip file is damaged/],
    ['another model', () => weights(), /holds no decoder of the original project: embed\.weight is missing/],
    ['a file that is not there', () => at('none.pt'), /cannot read the weights .*none\.pt/],
    [
      'channels of no encoder',
      () => golden('module_soft_attention.pt'),
      /no encoder of showtell gives the 12 channels/,
    ],
  ])('%s, and writes nothing', async (_, decoder, message) => {
    const before = readdirSync(directory);
    const { code, out, err } = await importing(decoder(), at('refused'));
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /);
    expect(readdirSync(directory)).toEqual(before);
  });

  it('weights of another encoder, and writes nothing', async () => {
    const before = readdirSync(directory);
    const argv = ['import', '--decoder', at('attention.pt'), '--vocabulary', golden('vocab.pkl')];
    const { code, err } = await showtell(
      ...[...argv, '--encoder-weights', golden('state_zip.pth'), '--output', at('refused')],
    );
    expect(code).toBe(1);
    expect(err).toMatch(/state_zip\.pth: the weights do not fit mobilenet_v3_small: /);
    expect(readdirSync(directory)).toEqual(before);
  });

  it('to replace a checkpoint unasked, and anything else at all', async () => {
    const { code, err } = await importing(at('attention.pt'), at('plain'));
    expect(code).toBe(1);
    expect(err).toMatch(/plain holds a checkpoint already\n.*--overwrite/);
    mkdirSync(at('photos'), { recursive: true });
    writeFileSync(at('photos', 'mine.txt'), 'mine');
    expect((await importing(at('attention.pt'), at('photos'), '--overwrite')).err).toMatch(
      /is not a checkpoint/,
    );
    expect(existsSync(at('photos', 'mine.txt'))).toBe(true);
    expect((await importing(at('attention.pt'), at('plain'), '--overwrite')).code).toBe(0);
    expect(loadCheckpoint(at('plain')).config.decoder.type).toBe('soft-attention');
  });
});

describe('showtell export', () => {
  it('refuses to replace a file unasked, and a directory that is no checkpoint', async () => {
    const output = at('taken.safetensors');
    writeFileSync(output, 'mine');
    const argv = ['export', '--checkpoint', at('attention'), '--output', output];
    const { code, out, err } = await showtell(...argv);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/taken\.safetensors exists already\n.*--overwrite/);
    expect(readFileSync(output, 'utf8')).toBe('mine');
    expect((await showtell(...argv, '--overwrite')).code).toBe(0);
    expect((await readWeights(output)).has('encoder.features.0.0.weight')).toBe(true);
    expect((await showtell('export', '--checkpoint', directory, '--output', at('x'))).err).toMatch(
      /is not a showtell checkpoint/,
    );
    expect((await showtell(...argv, '--format', 'onnx')).err).toMatch(
      /Choices: "safetensors", "pytorch-names"/,
    );
  });

  it('keeps float16, and says that a projection is none of the original', async () => {
    const config = configSchema.parse({
      name: 'half',
      output: 'out',
      data: { format: 'flickr-csv', captions: 'c', images: 'i', splits: { train: 't', validation: 'v' } },
      encoder: { name: 'small_cnn' },
      decoder: { type: 'lstm', embedding: 5, hidden: 6, layers: 1 },
      training: { checkpointPrecision: 'float16' },
    });
    const loaded = loadCheckpoint(at('attention'));
    const encoder = createEncoder({ name: 'small_cnn', state: null, train: 'none', seed: 1 });
    const decoder = createDecoder({
      config: config.decoder,
      vocabularySize: V,
      featureChannels: 64,
      seed: 1,
    });
    saveCheckpoint(at('half'), { ...loaded, config, encoder, decoder });
    const { out, err } = await showtell(
      ...['export', '--checkpoint', at('half'), '--format', 'pytorch-names', '--output', at('half')],
    );
    expect(out).toBe(`${at('half.decoder.safetensors')}\n${at('half.encoder.safetensors')}\n`);
    expect(err).toMatch(/float16, as in the checkpoint/);
    expect(err).toMatch(/warning: .*`project` is none of the original's/);
    const file = await openWeights(at('half.decoder.safetensors'));
    const saved = await openWeights(at('half', 'model.safetensors'));
    expect(file.tensors.every(({ dtype }) => dtype === 'float16')).toBe(true);
    const named = (state: typeof saved.tensors): StateDict =>
      new Map(state.map(({ name, shape, read }) => [name, { shape, data: read() as Float32Array }]));
    for (const [name, entry] of named(file.tensors)) {
      expect(entry, name).toEqual(named(saved.tensors).get(`decoder.${name}`));
    }
    file.close();
    saved.close();
  });
});
