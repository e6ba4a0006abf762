/** Trainings by several processes under Open MPI: the numbers of one process. Skipped where there is no mpirun. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatConfig, type ConfigInput } from '../../src/config/index.js';
import { train } from '../../src/train/index.js';
import { tinyConfig, writeTinyDataset } from '../tiny.js';
import { entriesOf, expectSameTraining, until, writeEncoder } from './compare.js';
import { mpirun, reason } from './mpirun.js';

const program = fileURLToPath(new URL('../../bin/showtell.mjs', import.meta.url));

let directory: string;
const at = (name: string) => join(directory, name);

beforeAll(async () => {
  if (reason) return;
  directory = mkdtempSync(join(tmpdir(), 'showtell-mpi-'));
  await writeTinyDataset(directory);
  await writeEncoder(at('encoder.safetensors'));
});

afterAll(() => {
  if (!reason) rmSync(directory, { recursive: true, force: true });
});

// Adam divides by the root of squared gradients: with its usual epsilon, gradients that are nothing but rounding count as
// much as any. SGD shows whether the gradients are the same.
const training = { batchSize: 5, optimizer: 'sgd', learningRate: 0.2, logEvery: 1 } as const;
/** Gradients of a few hundred numbers, so that buckets end within them. */
const distributed = { bucketMiB: 0.002 };
const lstm = {
  type: 'lstm',
  embedding: 16,
  hidden: 24,
  layers: 2,
  dropout: 0.2,
  outputDropout: 0.2,
} as const;
const frozen = { name: 'small_cnn', weights: 'encoder.safetensors', train: 'none' } as const;

const cases: Record<string, Partial<ConfigInput>> = {
  'soft attention, scheduled sampling, then self-critical': {
    encoder: frozen,
    training: {
      ...{ ...training, epochs: 5, doublyStochastic: 0.5, averageDecay: 0.9, distributed },
      scheduledSampling: { decay: 'linear', perEpoch: 0.2, floor: 0 },
      selfCritical: { epochs: 1, samples: 2, crossEntropy: 0.1, learningRate: 0.05, dropout: true },
    },
  },
  'soft attention, encoder trained': {
    encoder: { ...frozen, train: 'all' },
    training: { ...training, epochs: 6, learningRate: 0.02, captionsPerImage: 1, distributed },
  },
  'LSTM, steps of two batches': {
    encoder: frozen,
    decoder: lstm,
    training: { ...training, epochs: 12, accumulate: 2 },
  },
};

const configOf = (name: string, changes: Partial<ConfigInput>, output: string) => {
  const encoder = { ...changes.encoder!, weights: at('encoder.safetensors') };
  return tinyConfig(directory, {
    ...changes,
    encoder,
    device: { threads: 1 },
    output: at(`${name} ${output}`),
  });
};

function start(
  processes: number,
  argv: string[],
): { child: ChildProcess; ended: Promise<{ code: number | null; said: string }> } {
  const child = spawn('mpirun', [
    ...mpirun,
    '-n',
    String(processes),
    process.execPath,
    program,
    'train',
    ...argv,
  ]);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return { child, ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, said }))) };
}

describe.skipIf(reason)('several processes', { timeout: 120_000 }, () => {
  describe.each(Object.entries(cases))('%s', (name, changes) => {
    const whole = () => configOf(name, changes, 'by one');
    beforeAll(() => train(whole(), { cacheDirectory: at('cache') }));

    it.each([2, 4])('has the losses, scores and weights of one process by %i', async (processes) => {
      const config = configOf(name, changes, `by ${processes}`);
      const path = at(`${name}.yaml`);
      writeFileSync(path, formatConfig(config));
      const { code, said } = await start(processes, ['--config', path]).ended;
      expect({ code, said: code === 0 ? '' : said }).toEqual({ code: 0, said: '' });
      await expectSameTraining(config.output, whole().output);
    });
  });

  it('has about the losses of float32 where gradients travel as bfloat16', async () => {
    const losses = async (wire: 'float32' | 'bfloat16', processes: number) => {
      const config = configOf(
        'wire',
        { encoder: frozen, decoder: lstm, training: { ...training, epochs: 5, distributed: { wire } } },
        `${wire} by ${processes}`,
      );
      writeFileSync(at('wire.yaml'), formatConfig(config));
      // That all processes have the same weights, each epoch sees to.
      expect(await start(processes, ['--config', at('wire.yaml')]).ended).toMatchObject({ code: 0 });
      return entriesOf(config.output).flatMap((entry) => (entry.event === 'step' ? [entry.loss] : []));
    };
    const exact = await losses('float32', 2);
    const rounded = await losses('bfloat16', 3);
    expect(rounded).toHaveLength(exact.length);
    expect(Math.abs(rounded[0] - exact[0])).toBeLessThan(1e-5); // before the first gradient
    // Each step's gradients are off by less than 1 %, and so is what all of them have changed.
    const changed = Math.abs(exact[0] - exact.at(-1)!);
    exact.forEach((loss, i) => expect(Math.abs(rounded[i] - loss)).toBeLessThan(0.02 * changed));
    expect(rounded.some((loss, i) => Math.abs(loss - exact[i]) > 1e-5)).toBe(true);
  });

  it('goes on by another number of processes, after one of them was killed', async () => {
    const config = configOf(
      'killed',
      { encoder: frozen, training: { ...training, epochs: 400, saveEvery: 1e-6 } },
      'by 3',
    );
    const path = at('killed.yaml');
    writeFileSync(path, formatConfig(config));
    const { child, ended } = start(3, ['--config', path]);
    const journal = join(config.output, 'metrics.jsonl');
    await until(() => existsSync(journal) && readFileSync(journal, 'utf8').includes('"epoch":3'));
    const before = performance.now();
    process.kill(childrenOf(child.pid!)[1], 'SIGKILL');
    const { code, said } = await ended;
    expect(performance.now() - before).toBeLessThan(30_000);
    expect(code).not.toBe(0);
    expect(said).toMatch(/process rank 1 .* exited on signal 9/);
    expect(said).toMatch(
      /error: rank 1 of the training in .* died on host .*; it was last saved in epoch \d+ behind batch \d+/,
    );
    const epochs = entriesOf(config.output).filter(({ event }) => event === 'epoch').length;
    const more = ['--resume', config.output, '--set', `training.epochs=${epochs + 2}`];
    const again = await start(2, more).ended;
    expect(again).toMatchObject({ code: 0 });
    expect(entriesOf(config.output).filter(({ event }) => event === 'epoch')).toHaveLength(epochs + 2);
  });

  it('refuses ranks with other settings before anything is prepared', () => {
    const config = configOf('other', { encoder: { name: 'small_cnn' }, decoder: lstm }, 'by 2');
    writeFileSync(at('zero.yaml'), formatConfig(config));
    writeFileSync(
      at('one.yaml'),
      formatConfig({ ...config, decoder: { ...config.decoder, hidden: lstm.hidden + 1 } }),
    );
    const rank = (file: string) => ['-n', '1', process.execPath, program, 'train', '--config', at(file)];
    const { status, stderr } = spawnSync(
      'mpirun',
      [...mpirun, ...rank('zero.yaml'), ':', ...rank('one.yaml')],
      {
        encoding: 'utf8',
      },
    );
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/error: rank 1 has other settings than rank 0/);
    expect(existsSync(join(config.output, 'config.yaml'))).toBe(false);
  });

  it('says in one line what is missing', async () => {
    const config = configOf('random', { encoder: { name: 'small_cnn', train: 'all' } }, 'by 2');
    const encoder = { ...config.encoder, weights: null };
    writeFileSync(at('random.yaml'), formatConfig({ ...config, encoder }));
    const random = await start(2, ['--config', at('random.yaml')]).ended;
    expect(random.code).not.toBe(0);
    expect(random.said).toMatch(/error: several processes cannot train an encoder from random weights/);
    const environment = {
      ...process.env,
      OMPI_COMM_WORLD_RANK: '0',
      OMPI_COMM_WORLD_SIZE: '2',
      SHOWTELL_MPI: '/no/libmpi.so',
    };
    const { status, stderr } = spawnSync(
      process.execPath,
      [program, 'train', '--config', at('random.yaml')],
      {
        env: environment,
        encoding: 'utf8',
      },
    );
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^error: several processes were started, but no MPI library can be used \(tried \/no\/libmpi\.so\)\n/,
    );
  });
});

/** Processes that a process started, in the order of their numbers. */
function childrenOf(pid: number): number[] {
  const { stdout } = spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' });
  return stdout
    .trim()
    .split('\n')
    .map(Number)
    .sort((a, b) => a - b);
}
