/**
 * Trainings by several hosts, which are network namespaces of this machine, by MPI over TCP. Skipped where there is no mpirun
 * and where namespaces cannot be made.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { formatConfig, type ConfigInput } from '../../src/config/index.js';
import { train } from '../../src/train/index.js';
import { tinyConfig, writeTinyDataset } from '../tiny.js';
import { entriesOf, expectSameTraining, until, writeEncoder } from './compare.js';
import { Network, whyNoHosts } from './network.js';

const program = fileURLToPath(new URL('../../bin/showtell.mjs', import.meta.url));
const reason = whyNoHosts();
if (reason) process.stderr.write(`tests of several hosts are skipped: ${reason}\n`);

let directory: string;
const at = (name: string) => join(directory, name);
let network: Network | undefined;

beforeAll(async () => {
  if (reason) return;
  directory = mkdtempSync(join(tmpdir(), 'showtell-hosts-'));
  await writeTinyDataset(directory);
  await writeEncoder(at('encoder.safetensors'));
});

afterEach(() => {
  network?.remove();
  network = undefined;
});

afterAll(() => {
  if (!reason) rmSync(directory, { recursive: true, force: true });
});

// SGD, for the reason in mpi.test.ts.
const training = { batchSize: 5, optimizer: 'sgd', learningRate: 0.1, logEvery: 1, epochs: 6 } as const;

/** The settings of a training, and the arguments that start it. */
function prepare(name: string, changes: ConfigInput['training'] = {}) {
  const config = tinyConfig(directory, {
    encoder: { name: 'small_cnn', weights: at('encoder.safetensors'), train: 'none' },
    training: { ...training, ...changes },
    device: { threads: 1 },
    output: at(name),
  });
  const path = at(`${name}.yaml`);
  writeFileSync(path, formatConfig(config));
  const journal = join(config.output, 'metrics.jsonl');
  const reached = (epoch: number) =>
    until(() => existsSync(journal) && readFileSync(journal, 'utf8').includes(`"epoch":${epoch}`));
  return { config, reached, argv: [process.execPath, program, 'train', '--config', path] };
}

describe.skipIf(reason)('several hosts', { timeout: 180_000 }, () => {
  const whole = () => prepare('whole').config;
  beforeAll(() => train(whole(), { cacheDirectory: at('cache') }));

  it.each([1, 2])('have the numbers of one process, %i on each of two', async (perHost) => {
    network = new Network(['a', 'b']);
    const { config, argv } = prepare(`by ${perHost}`);
    const { code, said } = await network.mpirun(perHost, argv);
    expect({ code, said: code === 0 ? '' : said }).toEqual({ code: 0, said: '' });
    expect(said).toContain(`${2 * perHost} processes`);
    await expectSameTraining(config.output, whole().output);
  });

  it('have the same numbers where one is slow, and stands still for a while', async () => {
    network = new Network(['a', 'b']);
    network.slow('b', '4mbit');
    const { config, reached, argv } = prepare('slow');
    const ended = network.mpirun(1, argv);
    await reached(2);
    network.signal('b', 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    network.signal('b', 'SIGCONT');
    const { code, said } = await ended;
    expect({ code, said: code === 0 ? '' : said }).toEqual({ code: 0, said: '' });
    expect(said).not.toMatch(/^error|^warning: rank/m);
    expect(network.delayed('b')).toBeGreaterThan(20);
    await expectSameTraining(config.output, whole().output);
  });

  const losses: Record<string, { lose: (network: Network) => void; perHost: number; said: RegExp }> = {
    'is killed': {
      lose: (network) => network.signal('b', 'SIGKILL'),
      perHost: 1,
      said: /error: rank 1 of the training in \S+ (is gone with|died on) host b; it was last saved in epoch \d+ behind batch \d+/,
    },
    'loses its power': {
      lose: (network) => network.unplug('b'),
      perHost: 2,
      said: /error: rank 2, 3 of the training in \S+ on host b has not been heard of for 12 s; it was last saved in epoch \d+/,
    },
    'is killed with rank 0': {
      lose: (network) => network.signal('a', 'SIGKILL'),
      perHost: 1,
      said: /error: rank 0 of the training in \S+ (is gone with|died on) host a; it was last saved in epoch \d+ behind batch \d+/,
    },
  };

  it.each(Object.entries(losses))('end within 30 s when one %s, and others go on', async (name, loss) => {
    network = new Network(['a', 'b']);
    const { config, reached, argv } = prepare(name.replaceAll(' ', '-'), { epochs: 400, saveEvery: 1e-6 });
    const ended = network.mpirun(loss.perHost, argv);
    await reached(3);
    const before = performance.now();
    loss.lose(network);
    const { code, said } = await ended;
    await until(() => network!.hosts.every((host) => network!.trainings(host).length === 0));
    expect(performance.now() - before).toBeLessThan(30_000);
    expect(code).not.toBe(0);
    expect(said).toMatch(loss.said);
    const epochs = entriesOf(config.output).filter(({ event }) => event === 'epoch').length;
    network.remove();
    network = new Network(['c', 'd']);
    const more = ['--resume', config.output, '--set', `training.epochs=${epochs + 1}`];
    const again = await network.mpirun(1, [process.execPath, program, 'train', ...more]);
    expect(again).toMatchObject({ code: 0 });
    expect(entriesOf(config.output).filter(({ event }) => event === 'epoch')).toHaveLength(epochs + 1);
  });
});
