/** Trainings that end early and go on: the same numbers, to the last bit, as if they had not. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareBackend } from '../src/backend/index.js';
import { readCheckpointWeights } from '../src/checkpoint/index.js';
import { formatConfig, type Config, type ConfigInput } from '../src/config/index.js';
import { Lock, Random, silentLog, type Log } from '../src/core/index.js';
import { savedConfig, train, type JournalEntry } from '../src/train/index.js';
import { tinyConfig, writeTinyDataset } from './tiny.js';

let directory: string;
let cacheDirectory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'showtell-resume-'));
  cacheDirectory = join(directory, 'cache');
  await writeTinyDataset(directory);
  await prepareBackend();
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const at = (name: string) => join(directory, name);
const training = { epochs: 3, batchSize: 3, learningRate: 0.005, logEvery: 2, schedule: 'cosine' } as const;

/** Ends the training by Ctrl-C behind a batch of an epoch. */
function stopAt(epoch: number, batch: number): { log: Log; signal: AbortSignal } {
  const controller = new AbortController();
  const log: Log = {
    ...silentLog,
    progress: (label) => ({
      update(done) {
        if (label.startsWith(`epoch ${epoch}/`) && done === batch) controller.abort();
      },
      end: () => undefined,
    }),
  };
  return { log, signal: controller.signal };
}

const hashOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** Everything that a training leaves, but for what depends on the clock. */
function remains({ output }: Config): unknown {
  const weights = ['best/model', 'last/model', 'state/model', 'state/optimizer'];
  const lines = readFileSync(join(output, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const entries = lines.map((line) => {
    const { seconds, wordsPerSecond, ...rest } = JSON.parse(line) as JournalEntry;
    expect(seconds).toBeGreaterThan(0);
    expect(wordsPerSecond).toBeGreaterThan(0);
    return rest;
  });
  return [entries, ...weights.map((name) => hashOf(join(output, `${name}.safetensors`)))];
}

const cases: Record<string, Partial<ConfigInput>> = {
  'soft attention, encoder trained on changed images': {
    training: {
      ...training,
      captions: 'one-per-image',
      scheduledSampling: { decay: 'linear', perEpoch: 0.3, floor: 0 },
      augment: { flip: 0.5, crop: 0.6, brightness: 0.2, contrast: 0.2, saturation: 0.2 },
    },
  },
  'LSTM, frozen encoder': {
    encoder: { name: 'small_cnn', train: 'none' },
    decoder: { type: 'lstm', embedding: 16, hidden: 24, layers: 2, dropout: 0.2, outputDropout: 0.2 },
    training: {
      ...training,
      ...{ optimizer: 'sgd', learningRate: 0.1, weightDecay: 1e-3, warmup: 3 },
      ...{ schedule: 'plateau', plateauPatience: 0, decayFactor: 0.5 },
      ...{ accumulate: 2, averageDecay: 0.9, labelSmoothing: 0.1 },
    },
  },
  'self-critical behind cross-entropy': {
    validation: { score: 'cider-d' },
    training: {
      ...training,
      ...{ epochs: 1, averageDecay: 0.9, checkpointPrecision: 'float16' },
      selfCritical: {
        epochs: 2,
        learningRate: 0.01,
        samples: 2,
        crossEntropy: 0.2,
        schedule: 'cosine',
        trainEncoder: true,
        interpolation: 0.5,
      },
    },
  },
};

/** Where they are stopped, as epoch and batch: within an epoch, at an entry of the journal, at the end of an epoch. */
const moments: Record<string, [number, number][]> = {
  'soft attention, encoder trained on changed images': [
    [2, 1],
    [1, 2],
    [1, 3],
  ],
  'LSTM, frozen encoder': [
    [2, 2],
    [1, 4],
    [1, 6],
  ],
  // Its first epoch is one of cross-entropy.
  'self-critical behind cross-entropy': [
    [2, 3],
    [2, 4],
    [1, 6],
  ],
};

describe.each(Object.entries(cases))('%s', (name, changes) => {
  const config = (output: string) => tinyConfig(directory, { ...changes, output: at(`${name} ${output}`) });

  beforeAll(async () => {
    await train(config('whole'), { cacheDirectory });
  });

  it.each(moments[name])(
    'goes on exactly, when stopped in epoch %i behind batch %i',
    async (epoch, batch) => {
      const own = config(`stopped ${epoch} ${batch}`);
      const stopped = await train(own, { cacheDirectory, ...stopAt(epoch, batch) });
      expect(stopped.interrupted).toBe(true);
      const result = await train(savedConfig(own.output), { cacheDirectory, resume: true });
      expect(result.interrupted).toBe(false);
      expect(remains(own)).toEqual(remains(config('whole')));
    },
  );
});

describe('going on', () => {
  const stopped = (name: string) => at(`stopped ${name}`);
  const base = () => tinyConfig(directory, { output: stopped('base'), training });
  const copy = (name: string) => {
    cpSync(stopped('base'), stopped(name), { recursive: true });
    return stopped(name);
  };

  beforeAll(async () => {
    await train(base(), { cacheDirectory, ...stopAt(2, 1) });
  });

  it('refuses other settings, and names them; those of length and logging may change', async () => {
    const output = copy('settings');
    const other = savedConfig(output, ['training.learningRate=1', 'seed=2', 'training.epochs=4']);
    const error = (await train(other, { cacheDirectory, resume: true }).catch(
      (thrown: unknown) => thrown,
    )) as Error;
    expect(error.message).toMatch(/seed: 1 -> 2\n {2}training\.learningRate: 0\.005 -> 1$/);
    const longer = savedConfig(output, ['training.epochs=4', 'training.logEvery=1']);
    const { entries } = await train(longer, { cacheDirectory, resume: true });
    expect(entries.at(-1)).toMatchObject({ event: 'epoch', epoch: 4 });
    expect(savedConfig(output).training.epochs).toBe(4);
    const forced = savedConfig(output, ['training.epochs=5', 'training.learningRate=0.001']);
    await train(forced, { cacheDirectory, resume: true, force: true });
    expect(savedConfig(output).training.learningRate).toBe(0.001);
  });

  it('refuses other data', async () => {
    const output = copy('data');
    const before = readFileSync(at('captions.txt'), 'utf8');
    writeFileSync(at('captions.txt'), before.replace('square .', 'cube .'));
    try {
      await expect(train(savedConfig(output), { cacheDirectory, resume: true })).rejects.toThrow(
        /are not those that the training in .* began with/,
      );
    } finally {
      writeFileSync(at('captions.txt'), before);
    }
  });

  it('refuses damaged files, and says which', async () => {
    const output = copy('damaged');
    const path = join(output, 'state', 'optimizer.safetensors');
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(bytes.at(-1)! + 1, bytes.length - 1));
    await expect(train(savedConfig(output), { cacheDirectory, resume: true })).rejects.toThrow(
      /optimizer\.safetensors is damaged/,
    );
    const other = copy('short');
    writeFileSync(join(other, 'metrics.jsonl'), '');
    await expect(train(savedConfig(other), { cacheDirectory, resume: true })).rejects.toThrow(
      /metrics\.jsonl has 0 bytes, but had \d+ when the training was saved/,
    );
    expect(() => savedConfig(at('nothing'))).toThrow(/holds no training/);
  });

  it('keeps a second trainer out', async () => {
    const output = copy('locked');
    const lock = Lock.take(join(output, 'lock')) as Lock;
    await expect(train(savedConfig(output), { cacheDirectory, resume: true })).rejects.toThrow(
      /another training \(process \d+ on .*\) writes to/,
    );
    lock.release();
  });
});

describe('kill -9', { timeout: 240_000 }, () => {
  const program = fileURLToPath(new URL('../bin/showtell.mjs', import.meta.url));

  /** @returns the exit code, or null when it was killed so many milliseconds after it had read its data */
  function run(argv: string[], milliseconds?: number): Promise<{ code: number | null; said: string }> {
    return new Promise((resolve) => {
      const child = spawn(process.execPath, [program, 'train', ...argv], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      let timer: NodeJS.Timeout | undefined;
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        // However slow the machine is to start, some of the training happens.
        if (milliseconds !== undefined && said.includes('vocabulary:')) {
          timer ??= setTimeout(() => child.kill('SIGKILL'), milliseconds);
        }
      });
      child.on('close', (code) => {
        clearTimeout(timer);
        resolve({ code, said });
      });
    });
  }

  it('at thirty moments, also within a save, loses nothing but the time since the last save', async () => {
    const config = (output: string) =>
      tinyConfig(directory, {
        output: at(output),
        // A save after every step: most of the time is spent on saving.
        training: { ...training, epochs: 60, saveEvery: 1e-6 },
      });
    const whole = config('not killed');
    const { device: _, ...rest } = whole;
    writeFileSync(at('killed.yaml'), formatConfig({ ...rest, device: whole.device, output: at('killed') }));
    let { code } = await run(['--config', at('killed.yaml')], 600);
    const random = Random.from('kill');
    let kills = 0;
    while (code === null && kills < 30) {
      kills++;
      for (const name of ['best', 'last']) {
        // Whole, or not yet there.
        const path = join(at('killed'), name);
        if (existsSync(path)) await readCheckpointWeights(path);
      }
      const more = existsSync(join(at('killed'), 'config.yaml'))
        ? ['--resume', at('killed')]
        : ['--config', at('killed.yaml')];
      const result = await run(more, random.integer(700));
      ({ code } = result);
      if (code !== null) expect(result.said).toBe('');
    }
    expect(kills).toBe(30);
    await run(['--resume', at('killed')]);
    await train(whole, { cacheDirectory });
    expect(remains(config('killed'))).toEqual(remains(whole));
  });
});
