import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { prepareBackend, tf } from '../backend/index.js';
import { configSchema } from '../config/index.js';
import { Vocabulary } from '../data/index.js';
import { createDecoder, createEncoder, readWeights, type StateDict } from '../models/index.js';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.js';
import { exportCheckpoint } from './export.js';

const config = configSchema.parse({
  name: 'tiny',
  output: 'out/tiny',
  data: { format: 'flickr-csv', captions: 'c', images: 'i', splits: { train: 't', validation: 'v' } },
  image: { resize: [32, 32], crop: null },
  encoder: { name: 'small_cnn' },
  decoder: { type: 'soft-attention', embedding: 5, hidden: 6, attention: 7 },
});
const vocabulary = Vocabulary.build([['a', 'red', 'square']], { minCount: 1, maxSize: null });
const metrics = {
  epoch: 3,
  step: 30,
  trainLoss: 1.5,
  validation: { images: 10, bleu: [0.5, 0.4, 0.3, 0.2], tokenizer: 'letters', maxWords: 30 },
  seconds: 12.25,
  trainImages: 40,
  trainCaptions: 200,
};

let directory: string;
let pristine: string;
let states: { encoder: StateDict; decoder: StateDict };
const copy = () => join(directory, 'copy');

beforeAll(async () => {
  await prepareBackend();
  directory = mkdtempSync(join(tmpdir(), 'showtell-checkpoint-'));
  pristine = join(directory, 'pristine');
  const encoder = createEncoder({ name: 'small_cnn', state: null, train: 'none', seed: 1 });
  const featureChannels = encoder.outputShape(32, 32)[2];
  const decoder = createDecoder({
    config: config.decoder,
    vocabularySize: vocabulary.size,
    featureChannels,
    seed: 1,
  });
  states = { encoder: encoder.stateDict({ classifier: false }), decoder: decoder.stateDict() };
  saveCheckpoint(pristine, { config, vocabulary, encoder, decoder, metrics });
  encoder.dispose();
  decoder.dispose();
});

beforeEach(() => {
  rmSync(copy(), { recursive: true, force: true });
  cpSync(pristine, copy(), { recursive: true });
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('a checkpoint', () => {
  it('gives back what was saved, bit for bit', () => {
    const before = tf.memory().numTensors;
    const loaded = loadCheckpoint(pristine);
    expect(loaded.config).toEqual(config);
    expect(loaded.vocabulary.words).toEqual(vocabulary.words);
    expect(loaded.metrics).toEqual(metrics);
    expect(loaded.encoder.stateDict({ classifier: false })).toEqual(states.encoder);
    expect(loaded.decoder.stateDict()).toEqual(states.decoder);
    loaded.encoder.dispose();
    loaded.decoder.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('gives PyTorch a tied projection under both of its names', async () => {
    const tied = { ...config.decoder, embedding: 6, hidden: 6, tieWeights: true };
    const own = configSchema.parse({ ...config, decoder: tied });
    const encoder = createEncoder({ name: 'small_cnn', state: null, train: 'none', seed: 1 });
    const [vocabularySize, featureChannels] = [vocabulary.size, encoder.outputShape(32, 32)[2]];
    const decoder = createDecoder({ config: own.decoder, vocabularySize, featureChannels, seed: 1 });
    saveCheckpoint(copy(), { config: own, vocabulary, encoder, decoder, metrics });
    encoder.dispose();
    const words = decoder.stateDict().get('embed.weight')!;
    decoder.dispose();
    const output = join(copy(), 'tied.safetensors');
    const request = { checkpoint: copy(), format: 'pytorch-names', output, overwrite: false } as const;
    const [path] = (await exportCheckpoint(request)).files;
    const state = await readWeights(path);
    expect(state.get('embed.weight')).toEqual(words);
    expect(state.get('fc.weight')).toEqual(words);
    const loaded = loadCheckpoint(copy());
    expect(loaded.decoder.variables().has('fc.weight')).toBe(false);
    loaded.encoder.dispose();
    loaded.decoder.dispose();
  });

  it('holds the files that the design names and leaves nothing else behind', () => {
    expect(readdirSync(pristine).sort()).toEqual(
      [
        'README.md',
        'checkpoint.json',
        'config.yaml',
        'metrics.json',
        'model.safetensors',
        'vocabulary.json',
      ].sort(),
    );
    expect(readdirSync(directory).sort()).toEqual(['copy', 'pristine']);
    const card = readFileSync(join(pristine, 'README.md'), 'utf8');
    expect(card).toContain('| 50.0 | 40.0 | 30.0 | 20.0 |');
    expect(card).not.toContain('Images changed at random');
  });

  it('says in its card how images were changed', () => {
    const augment = { ...config.training.augment, flip: 0.5, crop: 0.7 };
    const loaded = loadCheckpoint(copy());
    saveCheckpoint(copy(), { ...loaded, config: { ...config, training: { ...config.training, augment } } });
    expect(readFileSync(join(copy(), 'README.md'), 'utf8')).toContain(
      '- Images changed at random: 50.0 % mirrored, cropped to 70.0 to 100 % of the area\n',
    );
    loaded.encoder.dispose();
    loaded.decoder.dispose();
  });

  it('is replaced as a whole', () => {
    const loaded = loadCheckpoint(copy());
    saveCheckpoint(copy(), { ...loaded, metrics: { ...metrics, epoch: 4 } });
    expect(loadCheckpoint(copy()).metrics!.epoch).toBe(4);
    expect(readdirSync(directory).sort()).toEqual(['copy', 'pristine']);
  });

  const edit = (file: string, change: (text: string) => string) =>
    writeFileSync(join(copy(), file), change(readFileSync(join(copy(), file), 'utf8')));

  it.each<[string, () => void, RegExp]>([
    ['absent', () => rmSync(copy(), { recursive: true }), /there is no checkpoint/],
    [
      'foreign',
      () => rmSync(join(copy(), 'checkpoint.json')),
      /not a showtell checkpoint: it has no checkpoint\.json/,
    ],
    ['of another format', () => edit('checkpoint.json', () => '{"format":"other"}'), /format is "other"/],
    ['not even JSON', () => edit('checkpoint.json', () => '{'), /checkpoint\.json is damaged/],
    [
      'newer',
      () => edit('checkpoint.json', (text) => text.replace('"version": 1', '"version": 2')),
      /version 2, .* reads version 1/,
    ],
    [
      'older',
      () => edit('checkpoint.json', (text) => text.replace('"version": 1', '"version": 0')),
      /version 0, .* reads version 1/,
    ],
    [
      'truncated',
      () => truncateSync(join(copy(), 'model.safetensors'), 1000),
      /model\.safetensors is damaged/,
    ],
    [
      'without weights',
      () => rmSync(join(copy(), 'model.safetensors')),
      /incomplete: model\.safetensors is missing/,
    ],
    ['without config', () => rmSync(join(copy(), 'config.yaml')), /incomplete: config\.yaml is missing/],
    [
      'with other words',
      () => edit('vocabulary.json', (text) => text.replace('red', 'blu')),
      /vocabulary\.json is damaged/,
    ],
    [
      'of other sizes',
      () => edit('config.yaml', (text) => text.replace('hidden: 6', 'hidden: 9')),
      /does not fit .*config\.yaml/,
    ],
    [
      'with a wrong config',
      () => edit('config.yaml', (text) => text.replace('epochs: 10', 'epochs: ten')),
      /training\.epochs: expected a number/,
    ],
  ])('that is %s is refused by what is wrong', (_, damage, message) => {
    damage();
    const before = tf.memory().numTensors;
    expect(() => loadCheckpoint(copy())).toThrow(message);
    expect(tf.memory().numTensors).toBe(before);
  });
});
