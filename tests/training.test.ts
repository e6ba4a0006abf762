import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareBackend, tf } from '../src/backend/index.js';
import { loadCheckpoint } from '../src/checkpoint/index.js';
import { silentLog, UserError } from '../src/core/index.js';
import { Captioner, evaluate } from '../src/infer/index.js';
import type { ConfigInput } from '../src/config/index.js';
import {
  createDecoder,
  createEncoder,
  readSafetensors,
  writeSafetensors,
  type StateDict,
} from '../src/models/index.js';
import { findRuns, train, type EpochEntry, type JournalEntry, type StepEntry } from '../src/train/index.js';
import { tinyConfig, writeTinyDataset } from './tiny.js';

let directory: string;
let cacheDirectory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'showtell-training-'));
  cacheDirectory = join(directory, 'cache');
  await writeTinyDataset(directory);
  await prepareBackend();
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const lstm = { type: 'lstm', embedding: 16, hidden: 24, layers: 2, dropout: 0.1 } as const;
const losses = (entries: unknown[]) =>
  (entries as (StepEntry | EpochEntry)[]).filter((entry) => entry.event === 'step').map(({ loss }) => loss);

describe('train', () => {
  it('learns a tiny data set by heart, with its encoder, and captions it from the checkpoint', async () => {
    const config = tinyConfig(directory, {
      output: join(directory, 'by-heart'),
      decoder: { type: 'soft-attention', embedding: 32, hidden: 64, attention: 32, dropout: 0 },
      training: { epochs: 20, batchSize: 4, learningRate: 0.005 },
    });
    const before = tf.memory().numTensors;
    const result = await train(config, { cacheDirectory });
    expect(tf.memory().numTensors).toBe(before);
    // Each image has two captions that greedy decoding can only meet in one of its forms: BLEU-4 of 1 is reachable.
    expect(result.best!.validation.bleu[3]).toBeGreaterThan(0.95);

    const best = join(config.output, 'best');
    const captioner = await Captioner.load(best);
    const caption = await captioner.caption(join(directory, 'images', 'dark-red.png'));
    expect(['A dark red square', 'The square it is dark red']).toContain(caption.text);
    captioner.dispose();

    const evaluation = await evaluate({
      ...{ checkpoint: best, split: 'validation', tokenizer: 'letters', cacheDirectory },
    });
    result.best!.validation.bleu.forEach((value, i) =>
      expect(evaluation.scores[`BLEU-${i + 1}` as 'BLEU-1']!.score).toBeCloseTo(value, 6),
    );
  });

  it.each([
    ['soft attention, trained encoder', {}],
    ['LSTM, frozen encoder', { decoder: lstm, encoder: { name: 'small_cnn', train: 'none' } }],
  ] as const)('gives the same numbers for the same seed, others for another: %s', async (name, changes) => {
    const run = async (seed: number) => {
      const output = join(directory, `${name}-${seed}`);
      const config = tinyConfig(directory, { ...changes, output, seed });
      return losses((await train(config, { cacheDirectory, overwrite: true })).entries);
    };
    const first = await run(3);
    expect(first.length).toBeGreaterThan(2);
    expect(await run(3)).toEqual(first);
    expect(await run(4)).not.toEqual(first);
  });

  it('trains an encoder up to the stage that the config names', async () => {
    const encoder = { name: 'small_cnn', train: 'all', stage: 'conv2' } as const;
    const config = tinyConfig(directory, { output: join(directory, 'stage'), encoder });
    const first = losses((await train(config, { cacheDirectory })).entries);
    expect(first.every(Number.isFinite)).toBe(true);
    expect(first.at(-1)).toBeLessThan(first[0]);
  });

  describe('fine-tuning', () => {
    /** small_cnn with given weights, so that BatchNorm statistics are fixed. */
    const weights = () => {
      const path = join(directory, 'small_cnn.safetensors');
      const encoder = createEncoder({ name: 'small_cnn', state: null, train: 'none', seed: 9 });
      writeFileSync(path, writeSafetensors(encoder.stateDict(), { dtype: 'F32' }));
      encoder.dispose();
      return path;
    };
    const finetune = (output: string, encoder: object, training: object = {}) =>
      train(
        tinyConfig(directory, {
          output: join(directory, output),
          encoder: { name: 'small_cnn', weights: weights(), ...encoder },
          training: { epochs: 3, batchSize: 4, learningRate: 0.005, logEvery: 2, ...training },
        }),
        { cacheDirectory },
      );
    const stateOf = (output: string) => {
      const { encoder, decoder } = loadCheckpoint(join(directory, output, 'last'));
      const state = encoder.stateDict();
      encoder.dispose();
      decoder.dispose();
      return state;
    };
    const changed = (state: StateDict) => {
      const { state: before } = readSafetensors(weights());
      return [...state]
        .filter(([name, { data }]) => `${before.get(name)!.data}` !== `${data}`)
        .map(([name]) => name);
    };

    it.each([
      ['from the store of the frozen stages', {}],
      ['from images that are changed at random', { augment: { crop: 0.5, flip: 0.5, contrast: 0.2 } }],
    ])('trains the stages behind the frozen ones, %s', async (name, training) => {
      const before = tf.memory().numTensors;
      const output = `part ${name}`;
      const first = losses((await finetune(output, { train: 'from-stage conv4' }, training)).entries);
      expect(tf.memory().numTensors).toBe(before);
      expect(first.at(-1)).toBeLessThan(first[0]);
      expect(changed(stateOf(output))).toEqual(['conv4.weight', 'bn4.weight', 'bn4.bias']);
      const again = await finetune(`${output} again`, { train: 'from-stage conv4' }, training);
      expect(losses(again.entries)).toEqual(first);
    });

    it('gives the same losses from the store as from pixels, but for the rounding of float16', async () => {
      const few = { epochs: 1, captionsPerImage: 1 };
      const stored = await finetune('stored', { train: 'from-stage conv2', learningRate: 1e-9 }, few);
      const whole = await finetune('pixels', { train: 'all', learningRate: 1e-9 }, few);
      const frozen = await finetune('frozen', { train: 'none' }, few);
      for (const { entries } of [stored, frozen]) {
        losses(whole.entries).forEach((loss, i) => expect(losses(entries)[i]).toBeCloseTo(loss, 3));
      }
    });

    it('leaves the encoder alone for as many epochs as it is told', async () => {
      const alone = await finetune('alone', { train: 'all', trainAfter: 3, learningRate: 0.1 });
      expect(changed(stateOf('alone'))).toEqual([]);
      const later = await finetune('later', { train: 'all', trainAfter: 2, learningRate: 0.001 });
      expect(changed(stateOf('later')).length).toBeGreaterThan(8);
      const epoch = (entries: JournalEntry[], n: number) =>
        losses(entries.filter((entry) => entry.epoch === n));
      for (const n of [1, 2]) expect(epoch(later.entries, n)).toEqual(epoch(alone.entries, n));
      expect(epoch(later.entries, 3).at(-1)).not.toEqual(epoch(alone.entries, 3).at(-1));
    });

    it('refuses what would train nothing, and stages that are none', async () => {
      await expect(finetune('nothing', { train: 'from-stage conv4', stage: 'conv2' })).rejects.toThrow(
        /from-stage conv4 would train nothing, for encoder\.stage is conv2/,
      );
      await expect(finetune('none', { train: 'from-stage top' })).rejects.toThrow(/names no stage/);
    });
  });

  describe('options of the optimisation', () => {
    const plain = { type: 'lstm', embedding: 16, hidden: 24, layers: 1, dropout: 0 } as const;
    const run = async (name: string, training: ConfigInput['training']) => {
      const config = tinyConfig(directory, {
        output: join(directory, name),
        encoder: { name: 'small_cnn', train: 'none' },
        decoder: plain,
        training: { epochs: 2, batchSize: 8, learningRate: 0.01, logEvery: 1, ...training },
      });
      const { entries } = await train(config, { cacheDirectory });
      const read = (kind: string) => readSafetensors(join(config.output, kind, 'model.safetensors')).state;
      return { config, entries, losses: losses(entries), read };
    };

    it('two batches of half the size make the step of one', async () => {
      const [whole, halves] = [
        await run('whole batches', {}),
        await run('half batches', { batchSize: 4, accumulate: 2 }),
      ];
      expect(halves.losses).toHaveLength(whole.losses.length);
      halves.losses.forEach((loss, i) => expect(loss).toBeCloseTo(whole.losses[i], 5));
    });

    it('knows groups of an encoder that rests in self-critical epochs', async () => {
      const config = tinyConfig(directory, {
        output: join(directory, 'resting-group'),
        training: {
          ...{ epochs: 1, batchSize: 8, groups: [{ names: ['encoder.'], learningRate: 1e-4 }] },
          selfCritical: { epochs: 1, samples: 2 },
        },
      });
      const { entries } = await train(config, { cacheDirectory });
      expect(entries.filter(({ event }) => event === 'epoch')).toHaveLength(2);
    });

    it('starts from pre-trained word vectors, and says how many words have one', async () => {
      const path = join(directory, 'vectors.txt');
      const numbers = (value: number) => Array.from({ length: 16 }, () => value).join(' ');
      writeFileSync(path, `square ${numbers(0.5)}\nred ${numbers(-0.25)}\nunheard ${numbers(1)}\n`);
      const lines: string[] = [];
      const log = { ...silentLog, info: (line: string) => void lines.push(line) };
      const config = tinyConfig(directory, {
        output: join(directory, 'vectors'),
        training: {
          ...{ epochs: 1, batchSize: 8, wordVectors: path },
          groups: [{ names: ['decoder.embed'], learningRate: 0 }],
        },
      });
      await train(config, { log, cacheDirectory });
      expect(lines.join('\n')).toMatch(/word vectors: 2 of the \d+ words start from those in/);
      const { vocabulary, decoder, encoder } = loadCheckpoint(join(config.output, 'best'));
      const { data } = decoder.stateDict().get('embed.weight')!;
      const vectorOf = (word: string) => [
        ...data.slice(16 * vocabulary.idOf(word), 16 * vocabulary.idOf(word) + 16),
      ];
      expect(vectorOf('square')).toEqual(Array.from({ length: 16 }, () => 0.5));
      expect(vectorOf('red')).toEqual(Array.from({ length: 16 }, () => -0.25));
      expect(new Set(vectorOf('blue')).size).toBe(16);
      decoder.dispose();
      encoder.dispose();
    });

    it('raises the reward of what it says, from the best checkpoint on, and shows it', async () => {
      const lines: string[] = [];
      const log = { ...silentLog, info: (line: string) => void lines.push(line) };
      const config = tinyConfig(directory, {
        output: join(directory, 'critical'),
        validation: { score: 'cider-d' },
        training: {
          ...{ epochs: 4, batchSize: 8, learningRate: 0.005, logEvery: 2, captionsPerImage: 1 },
          selfCritical: { epochs: 12, learningRate: 0.002, samples: 4 },
        },
      });
      const { entries } = await train(config, { log, cacheDirectory });
      const epochs = entries.filter((entry) => entry.event === 'epoch');
      expect(epochs).toHaveLength(16);
      expect(epochs.slice(0, 4).every(({ reward }) => reward === undefined)).toBe(true);
      const rewards = epochs.slice(4).map(({ reward }) => reward!);
      expect(rewards.at(-1)).toBeGreaterThan(1.2 * rewards[0]);
      expect(Math.max(...epochs.map(({ validation }) => validation.ciderD))).toBeGreaterThan(
        Math.max(...epochs.slice(0, 4).map(({ validation }) => validation.ciderD)),
      );
      expect(lines.join('\n')).toMatch(/self-critical training begins, with the weights of epoch \d\n/);
      expect(lines.at(-1)).toMatch(
        /^epoch 16: reward \d+\.\d, \d+ words\/s, validation BLEU-1\.\.4 .*, CIDEr-D /,
      );
      const card = readFileSync(join(config.output, 'best', 'README.md'), 'utf8');
      expect(card).toContain('Then self-critical: CIDEr-D of 4 sampled captions an image');
      expect(findRuns(config.output, silentLog)[0]).toMatchObject({
        state: 'ended',
        epochs: 16,
        allEpochs: 16,
      });
    });

    it('saves and validates the average of the weights, and goes on with the weights', async () => {
      const { read } = await run('averaged', { averageDecay: 0.5 });
      const without = await run('not averaged', {});
      const [saved, own] = [
        read('last').get('decoder.linear.bias')!,
        read('state').get('decoder.linear.bias')!,
      ];
      expect(saved.data).not.toEqual(own.data);
      expect(own.data).toEqual(without.read('state').get('decoder.linear.bias')!.data);
    });

    it('groups learn at rates of their own, or not at all', async () => {
      const groups = [
        { names: ['decoder.embed'], learningRate: 0 },
        { names: ['decoder.linear'], learningRate: 1e-5 },
      ];
      const changed = await run('groups', { groups });
      const after = changed.read('last');
      const [vocabularySize] = after.get('decoder.embed.weight')!.shape;
      const before = createDecoder({
        ...{ config: changed.config.decoder, vocabularySize, featureChannels: 96 },
        seed: changed.config.seed,
      });
      const first = before.stateDict();
      const moved = (name: string) => {
        const start = first.get(name)!.data;
        return Math.max(...after.get(`decoder.${name}`)!.data.map((value, i) => Math.abs(value - start[i])));
      };
      expect(moved('embed.weight')).toBe(0);
      expect(moved('linear.bias')).toBeLessThan(1e-4);
      expect(moved('lstm_cell.bias_ih_l0')).toBeGreaterThan(1e-3);
      before.dispose();
      await expect(
        run('no group', { groups: [{ names: ['decoder.embedding'], learningRate: 1 }] }),
      ).rejects.toThrow(/the name of no trained variable begins with "decoder.embedding"/);
    });

    it('refuses attention to be spread where there is none, and Nesterov without momentum', async () => {
      await expect(run('no attention', { doublyStochastic: 1 })).rejects.toThrow(/has no attention/);
      await expect(run('no momentum', { nesterov: true })).rejects.toThrow(/optimizer: sgd with momentum/);
    });

    it('leaves an earlier training as it was when the settings turn out to be wrong', async () => {
      const { config } = await run('earlier', {});
      const wrong = {
        ...config.training,
        groups: [{ names: ['nothing'], learningRate: 1, weightDecay: null }],
      };
      const again = train({ ...config, training: wrong }, { cacheDirectory, overwrite: true });
      await expect(again).rejects.toThrow(/begins with "nothing"/);
      expect(existsSync(join(config.output, 'best', 'checkpoint.json'))).toBe(true);
    });
  });

  it('writes a journal and two checkpoints that hold the trained weights', async () => {
    const config = tinyConfig(directory, { output: join(directory, 'files') });
    const { entries } = await train(config, { cacheDirectory });
    const lines = readFileSync(join(config.output, 'metrics.jsonl'), 'utf8').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(entries);
    expect(readdirSync(config.output).sort()).toEqual([
      'best',
      'config.yaml',
      'last',
      'metrics.jsonl',
      'report.html',
      'state',
      'tensorboard',
    ]);
    const { metrics, vocabulary, encoder, decoder } = loadCheckpoint(join(config.output, 'last'));
    expect(metrics).toMatchObject({ epoch: 2, trainImages: 8, trainCaptions: 16 });
    expect(vocabulary.words.slice(0, 4)).toEqual(['<pad>', '<unk>', '<eos>', '<bos>']);
    encoder.dispose();
    decoder.dispose();
  });

  it('refuses to train over an earlier training, and leaves it as it was', async () => {
    const config = tinyConfig(directory, { output: join(directory, 'occupied') });
    await train(config, { cacheDirectory });
    const journal = readFileSync(join(config.output, 'metrics.jsonl'), 'utf8');
    await expect(train(config, { cacheDirectory })).rejects.toThrow(/already holds a training/);
    expect(readFileSync(join(config.output, 'metrics.jsonl'), 'utf8')).toBe(journal);
  });

  it('stops at a loss that is not a number and names the step', async () => {
    const config = tinyConfig(directory, {
      output: join(directory, 'explodes'),
      training: { epochs: 3, batchSize: 4, learningRate: 1e30, clipNorm: null },
    });
    const error: unknown = await train(config, { cacheDirectory }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(/the loss of step [2-4] is (NaN|Infinity)/);
    expect(existsSync(join(config.output, 'best'))).toBe(false);
  });

  it('saves and leaves when it is interrupted', async () => {
    const config = tinyConfig(directory, {
      output: join(directory, 'interrupted'),
      training: { epochs: 1000, batchSize: 4 },
    });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 1500);
    const result = await train(config, { cacheDirectory, signal: controller.signal });
    expect(result.interrupted).toBe(true);
    const { metrics, encoder, decoder } = loadCheckpoint(join(config.output, 'last'));
    expect(metrics!.step).toBeGreaterThan(0);
    encoder.dispose();
    decoder.dispose();
  });

  it('stops early when the validation score no longer rises', async () => {
    const config = tinyConfig(directory, {
      output: join(directory, 'patience'),
      // A vanishing learning rate changes nothing, so no epoch after the first is better.
      training: { epochs: 50, batchSize: 8, learningRate: 1e-12, patience: 2 },
    });
    const { entries, best } = await train(config, { cacheDirectory });
    expect(entries.filter(({ event }) => event === 'epoch')).toHaveLength(3);
    expect(best!.epoch).toBe(1);
  });

  it('has patience anew in the next stage, and says which one it ends', async () => {
    const lines: string[] = [];
    const config = tinyConfig(directory, {
      output: join(directory, 'patience-twice'),
      training: {
        ...{ epochs: 50, batchSize: 8, learningRate: 1e-12, patience: 2 },
        selfCritical: { epochs: 9, learningRate: 1e-12, samples: 2 },
      },
    });
    const log = { ...silentLog, info: (line: string) => void lines.push(line) };
    const { entries } = await train(config, { log, cacheDirectory });
    const epochs = entries.filter((entry) => entry.event === 'epoch');
    expect(epochs.map(({ reward }) => reward === undefined)).toEqual([true, true, true, false, false]);
    expect(lines.filter((line) => line.startsWith('no better'))).toEqual([
      'no better validation score for 2 epochs: cross-entropy training ends',
      'no better validation score for 2 epochs: self-critical training ends',
    ]);
    expect(findRuns(config.output, silentLog)[0]).toMatchObject({ state: 'ended' });
  });
});
