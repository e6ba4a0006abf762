/** The main job through the command line, in-process and in a temporary folder: train, evaluate, caption. */
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
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tf } from '../src/backend/index.js';
import { formatConfig } from '../src/config/index.js';
import { runCommand } from './command-line.js';
import { tinyConfig, writeTinyDataset } from './tiny.js';

let directory: string;
const at = (...parts: string[]) => join(directory, ...parts);

function showtell(...argv: string[]) {
  return runCommand(argv, { ...process.env, SHOWTELL_CACHE: at('cache') });
}

function writeConfig(name: string, changes: Parameters<typeof tinyConfig>[1]): string {
  const path = at(`${name}.yaml`);
  writeFileSync(path, formatConfig(tinyConfig(directory, { output: at(name), ...changes })));
  return path;
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'showtell-cli-'));
  await writeTinyDataset(directory);
  const training = { epochs: 2, batchSize: 8, learningRate: 0.005 };
  const attention = writeConfig('attention', { training });
  const lstm = writeConfig('lstm', {
    training,
    encoder: { name: 'small_cnn' },
    decoder: { type: 'lstm', embedding: 8, hidden: 8, layers: 1 },
  });
  for (const config of [attention, lstm]) {
    const { code, out, err } = await showtell('train', '--config', config, '--set', 'training.epochs=1');
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(out).toMatch(
      /best epoch 1: validation BLEU-1\.\.4 [\d.]+ \/ [\d.]+ \/ [\d.]+ \/ [\d.]+, CIDEr-D [\d.]+\ncheckpoint: /,
    );
  }
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('showtell evaluate', () => {
  it('prints protocol, scores and statistics, and writes all of it, and COCO results', async () => {
    const [file, results] = [at('scores.json'), at('results.json')];
    const { code, out } = await showtell(
      ...['evaluate', '--checkpoint', at('attention', 'best'), '--split', 'validation', '--samples', '50'],
      ...['--beam', '2', '--max-words', '6', '--out', file, '--results', results],
    );
    expect(code).toBe(0);
    expect(out).toMatch(/split +validation, 4 images, 8 references/);
    expect(out).toMatch(/decoding +beam 2, at most 6 words/);
    expect(out).toMatch(/tokenizer +ptb/);
    expect(out).toMatch(/BLEU-4 +\d/);
    expect(out).toMatch(/CIDEr-D +\d/);
    expect(out).toMatch(/METEOR +(\d|not computed: `showtell setup --meteor` fetches its data)/);
    expect(out).toMatch(/new to training +\d/);
    const result = JSON.parse(readFileSync(file, 'utf8'));
    expect(result.protocol).toMatchObject({
      model: { split: 'validation', decoding: 'beam 2, at most 6 words' },
      images: 4,
      tokenizer: 'ptb',
    });
    expect(result.scores['BLEU-4'].interval).toHaveLength(2);
    expect(result.captions).toHaveLength(4);
    expect(result.captions[0]).toMatchObject({ image_id: 'dark-red.png', caption: expect.any(String) });
    expect(JSON.parse(readFileSync(results, 'utf8'))).toEqual(
      result.captions.map(({ image_id, caption }: Record<string, string>) => ({ image_id, caption })),
    );
  });

  it('scores captions of a file, and compares evaluations', async () => {
    const references = ['--references', at('captions.txt'), '--only-captioned'];
    const [first, second] = [at('first.json'), at('second.json')];
    const scored = await showtell(
      'evaluate',
      ...references,
      '--hypotheses',
      at('results.json'),
      '--out',
      first,
    );
    expect(scored.err).not.toMatch(/^error/m);
    expect(scored).toMatchObject({
      code: 0,
      out: expect.stringMatching(/left out +4 images without a caption/),
    });
    const other = JSON.parse(readFileSync(at('results.json'), 'utf8')) as { caption: string }[];
    other[0].caption = 'A dark red square.';
    writeFileSync(at('other.json'), JSON.stringify(other));
    await showtell('evaluate', ...references, '--hypotheses', at('other.json'), '--out', second);
    const page = at('compare.html');
    const argv = ['compare', first, second, '--samples', '50', '--html', page, '--images', at('images')];
    const { code, out } = await showtell(...argv);
    expect(code).toBe(0);
    expect(out).toMatch(/BLEU-1 +\d+\.\d\d +\d+\.\d\d +\+\d/);
    expect(out).toMatch(/1 captions differ, 3 are the same/);
    expect(out).toMatch(/better with B:\ndark-red\.png/);
    expect(readFileSync(page, 'utf8')).toContain('data:image/jpeg;base64,');
  });

  it.each<[string, string[], RegExp]>([
    ['nothing to evaluate', ['evaluate'], /what is to be evaluated\?/],
    ['references alone', ['evaluate', '--references', 'x.json'], /takes both --references and --hypotheses/],
    [
      'a model and a file at once',
      ['evaluate', '--checkpoint', 'x', '--hypotheses', 'y.json'],
      /--checkpoint and --hypotheses do not go together/,
    ],
    [
      'no samples',
      ['evaluate', '--checkpoint', 'x', '--samples', '0'],
      /--samples is 0; it must be an integer of 1/,
    ],
    ['one evaluation', ['compare', 'a.json'], /compare takes two evaluations; 1 is given/],
    ['a file that is not there', ['compare', 'a.json', 'b.json'], /a\.json does not exist/],
    ['photos without a page', ['compare', 'a.json', 'b.json', '--images', '.'], /add --html FILE/],
  ])('refuses %s', async (_, argv, message) => {
    const { code, out, err } = await showtell(...argv);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /);
  });

  it.each<[string, string[], RegExp]>([
    ['a split that the config does not name', [], /names no test split[^]*data\.splits\.test/],
    ['a setting of the model', ['--set', 'decoder.hidden=3'], /only data\.\* settings/],
    ['a wrong beam', ['--split', 'validation', '--beam', '0'], /beam is 0/],
    ['a beam that is no number', ['--split', 'validation', '--beam', 'x'], /beam is NaN/],
    ['a split that does not exist', ['--split', 'dev'], /Choices: "train", "validation", "test"/],
  ])('refuses %s', async (_, options, message) => {
    const { code, out, err } = await showtell('evaluate', '--checkpoint', at('lstm', 'best'), ...options);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /);
  });
});

describe('showtell caption', () => {
  const image = () => at('images', 'dark-red.png');

  it('prints the caption of one image alone, and leaves no tensor behind', async () => {
    await showtell('caption', '--checkpoint', at('lstm', 'best'), image());
    const tensors = tf.memory().numTensors;
    const { code, out } = await showtell('caption', '--checkpoint', at('lstm', 'best'), image());
    expect({ code, lines: out.split('\n').length }).toEqual({ code: 0, lines: 2 });
    expect(out).toMatch(/^[A-Z][a-z ]*(\.\.\.)?\n$/);
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it('takes folders and patterns, each image once, as JSON lines', async () => {
    const { code, out } = await showtell(
      ...['caption', '--checkpoint', at('attention', 'best'), '--json', '--beam', '3'],
      ...[at('images'), join(directory, 'images', 'bright-*.png')],
    );
    expect(code).toBe(0);
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(8);
    expect(lines[0]).toMatchObject({ image: at('images', 'bright-blue.png'), words: expect.any(Array) });
    expect(lines[0].logProbability).toBeLessThan(0);
  });

  it('gives the n best with log-probabilities, by every strategy', async () => {
    const argv = [
      'caption',
      '--checkpoint',
      at('attention', 'best'),
      '--captions',
      '3',
      '--min-words',
      '1',
      image(),
    ];
    const searches = [
      ['--beam', '3', '--length-penalty', 'average'],
      ['--strategy', 'diverse-beam', '--beam', '3', '--diversity', '0.1'],
      ['--strategy', 'sample', '--top-k', '5', '--top-p', '0.9', '--temperature', '0.8', '--seed', '3'],
    ];
    for (const search of searches) {
      const { code, out } = await showtell(...argv, ...search);
      expect(code).toBe(0);
      const lines = out.trim().split('\n');
      expect(lines).toHaveLength(3);
      for (const line of lines) expect(line).toMatch(/^-\d+\.\d{3}\t[A-Z]/);
      const json = JSON.parse((await showtell(...argv, ...search, '--json')).out);
      expect(json.alternatives).toHaveLength(2);
      expect(Number(lines[1].split('\t')[0])).toBeCloseTo(json.alternatives[0].logProbability, 3);
    }
  });

  it('obeys what is asked of the words', async () => {
    const argv = ['caption', '--checkpoint', at('attention', 'best'), '--json', image()];
    const rules = [
      '--prefix',
      'The square',
      '--ban',
      'is',
      '--ban',
      'dark',
      '--min-words',
      '4',
      '--max-words',
      '6',
    ];
    const { words } = JSON.parse((await showtell(...argv, ...rules, '--block-ngrams', '1')).out);
    expect(words.slice(0, 2)).toEqual(['the', 'square']);
    expect(words.length).toBeGreaterThanOrEqual(4);
    expect(words.length).toBeLessThanOrEqual(6);
    expect(new Set(words).size).toBe(words.length);
    expect(words).not.toContain('is');
    expect(words).not.toContain('dark');
  });

  it('reports a bad image, captions the others and ends with 1', async () => {
    const bad = at('bad.jpg');
    writeFileSync(bad, 'not a photo');
    const { code, out, err } = await showtell(
      'caption',
      '--checkpoint',
      at('lstm', 'best'),
      bad,
      image(),
      at('gone.jpg'),
    );
    expect(code).toBe(1);
    expect(out.split('\n')).toHaveLength(2);
    expect(out).toContain(`${image()}\t`);
    expect(err).toMatch(/bad\.jpg cannot be decoded/);
    expect(err).toMatch(/gone\.jpg does not exist/);
    expect(err).toMatch(/2 of 3 images could not be captioned/);
  });

  it('draws the attention, a tile for each word', async () => {
    const picture = at('pictures', 'attention.png');
    const argv = ['caption', '--checkpoint', at('attention', 'best'), '--json', '--attention', picture];
    const { code, out } = await showtell(...argv, image());
    expect(code).toBe(0);
    const { width, height, format } = await sharp(picture).metadata();
    const words = (JSON.parse(out).words as string[]).length;
    expect(format).toBe('png');
    expect(width).toBe(12 + Math.max(1, Math.min(6, words)) * 212);
    expect(height).toBe(44 + Math.ceil(words / 6) * 242);
    mkdirSync(at('other'), { recursive: true });
    await sharp(image()).toFile(at('other', 'dark-red.png'));
    await showtell(...argv, image(), at('other', 'dark-red.png'));
    expect(existsSync(at('pictures', 'attention-dark-red.png'))).toBe(true);
    expect(existsSync(at('pictures', 'attention-dark-red-2.png'))).toBe(true);
  });

  it('writes the attention of all images to one page, and to one JSON file', async () => {
    const turned = at('turned.png'); // stored 60 x 30, upright 30 x 60
    await sharp(image()).resize(60, 30, { fit: 'fill' }).withMetadata({ orientation: 6 }).toFile(turned);
    const argv = ['caption', '--checkpoint', at('attention', 'best'), '--json', image(), turned];
    const plain = await showtell(...argv);
    for (const file of ['attention.html', 'attention.json'])
      expect(await showtell(...argv, '--attention', at('outputs', file))).toMatchObject({
        code: 0,
        out: plain.out,
      });
    expect(readdirSync(at('outputs'))).toEqual(['attention.html', 'attention.json']);

    const lines = plain.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const page = readFileSync(at('outputs', 'attention.html'), 'utf8');
    expect(page.match(/<article /g)).toHaveLength(2);
    expect(page.match(/class="veil"/g)).toHaveLength(lines[0].words.length + lines[1].words.length);
    const objects = JSON.parse(readFileSync(at('outputs', 'attention.json'), 'utf8'));
    expect(objects).toHaveLength(2);
    for (const [i, object] of objects.entries()) {
      expect(object).toMatchObject({ image: lines[i].image, caption: lines[i].caption });
      expect(object.words.map(({ word }: { word: string }) => word)).toEqual(lines[i].words);
      for (const { weights } of object.words) {
        expect([weights.length, weights[0].length]).toEqual([object.grid.height, object.grid.width]);
        expect(weights.flat().reduce((a: number, b: number) => a + b)).toBeCloseTo(1, 5);
      }
    }
    expect(objects[1]).toMatchObject({
      photo: { width: 30, height: 60 },
      region: { left: 0, top: 0, width: 30, height: 60 },
    });
  });

  it('leaves out an image that cannot be read, and writes nothing if there is no other', async () => {
    writeFileSync(at('broken.jpg'), 'not a photo');
    const argv = [
      'caption',
      '--checkpoint',
      at('attention', 'best'),
      '--attention',
      at('rest', 'attention.json'),
    ];
    expect((await showtell(...argv, at('broken.jpg'))).code).toBe(1);
    expect(existsSync(at('rest'))).toBe(false);
    expect((await showtell(...argv, at('broken.jpg'), image())).code).toBe(1);
    const objects = JSON.parse(readFileSync(at('rest', 'attention.json'), 'utf8'));
    expect(objects.map((object: { image: string }) => object.image)).toEqual([image()]);
  });

  it.each<[string, () => string[], RegExp]>([
    [
      'options that do not fit together',
      () => ['--checkpoint', at('lstm', 'best'), '--temperature', '0.5', image()],
      /temperature does not go with the strategy greedy/,
    ],
    [
      'a prefix that the model cannot say',
      () => ['--checkpoint', at('lstm', 'best'), '--prefix', 'a purple', image()],
      /the prefix holds "purple", which is not in the model's vocabulary/,
    ],
    [
      'a prefix that is banned',
      () => ['--checkpoint', at('lstm', 'best'), '--prefix', 'a red', '--ban', 'red', image()],
      /"red", which is banned as well/,
    ],
    [
      'attention of a decoder without',
      () => ['--checkpoint', at('lstm', 'best'), '--attention', 'x.png', image()],
      /no attention to show/,
    ],
    [
      'an ending that stands for nothing, before it looks for the checkpoint',
      () => ['--checkpoint', at('nowhere'), '--attention', 'attention.gif', image()],
      /attention\.gif does not end in \.png, \.html or \.json/,
    ],
    [
      'a directory that holds checkpoints',
      () => ['--checkpoint', at('lstm'), image()],
      /did you mean .*best\?/,
    ],
    ['a pattern without a match', () => ['--checkpoint', at('lstm', 'best'), at('*.bmp')], /no file matches/],
    ['a folder without images', () => ['--checkpoint', at('lstm', 'best'), at('lstm')], /holds no image/],
    ['no image', () => ['--checkpoint', at('lstm', 'best')], /which images\?/],
  ])('refuses %s', async (_, argv, message) => {
    const { code, out, err } = await showtell('caption', ...argv());
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(message);
  });
});

describe('showtell train', () => {
  it('lists every mistake of a config with line and key, and writes nothing', async () => {
    const path = at('wrong.yaml');
    writeFileSync(path, 'name: wrong\noutput: out\ntraining:\n  epochs: -1\n  speed: 3\n');
    const { code, err } = await showtell('train', '--config', path);
    expect(code).toBe(1);
    expect(err).toMatch(/wrong\.yaml:4: training\.epochs: expected more than 0, received -1/);
    expect(err).toMatch(/wrong\.yaml:5: training\.speed: unknown key/);
    expect(err).toMatch(/data: .*is missing/);
  });

  it('names what is missing: config, captions, weights', async () => {
    expect((await showtell('train', '--config', at('none.yaml'))).err).toMatch(
      /cannot read the config .*none\.yaml/,
    );
    const config = writeConfig('missing', {});
    const run = (setting: string) => showtell('train', '--config', config, '--set', setting);
    expect((await run(`data.captions=${at('none.txt')}`)).err).toMatch(/none\.txt/);
    expect((await run(`encoder.weights=${at('none.pth')}`)).err).toMatch(
      /cannot read the weights .*none\.pth/,
    );
    expect(existsSync(at('missing'))).toBe(false);
  });
});
