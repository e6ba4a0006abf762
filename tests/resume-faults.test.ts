/** What may have happened to a training before it goes on: nothing is destroyed, and what is wrong is said. */
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareBackend } from '../src/backend/index.js';
import { silentLog, UserError, type Log } from '../src/core/index.js';
import { prepareTraining } from '../src/train/data.js';
import { savedConfig, train } from '../src/train/index.js';
import { runCommand } from './command-line.js';
import { tinyConfig, writeTinyDataset } from './tiny.js';

let directory: string;
let cacheDirectory: string;
const training = { epochs: 2, batchSize: 4, learningRate: 0.005, logEvery: 1 } as const;
const at = (name: string) => join(directory, name);

/** A copy of a finished training of two epochs. */
function copy(name: string): string {
  cpSync(at('finished'), at(name), { recursive: true });
  return at(name);
}

const resume = (output: string, ...set: string[]) =>
  train(savedConfig(output, set), { cacheDirectory, resume: true });

/** Calls `work` when a bar of that title gets there. */
function whenBar(title: RegExp, work: () => void): Log {
  return {
    ...silentLog,
    progress: (label) => {
      if (title.test(label)) work();
      return { update: () => undefined, end: () => undefined };
    },
  };
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'showtell-faults-'));
  cacheDirectory = at('cache');
  await writeTinyDataset(directory);
  await prepareBackend();
  await train(tinyConfig(directory, { output: at('finished'), training }), { cacheDirectory });
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('goes on with a training from before captions were packed, by the fingerprint of then', async () => {
  const output = copy('earlier');
  const data = await prepareTraining(savedConfig(output), { log: silentLog, cacheDirectory });
  const earlier = data.earlierFingerprint();
  await data.close();
  data.encoder.dispose();
  data.decoder.dispose();
  const file = join(output, 'state', 'state.json');
  const fingerprint = () => (JSON.parse(readFileSync(file, 'utf8')) as { fingerprint: string }).fingerprint;
  const write = (other: string) =>
    writeFileSync(file, readFileSync(file, 'utf8').replace(fingerprint(), other));
  expect(fingerprint()).toBe(data.fingerprint);
  write(earlier);
  const { entries } = await resume(output, 'training.epochs=3');
  expect(entries.at(-1)).toMatchObject({ event: 'epoch', epoch: 3 });
  expect(fingerprint()).toBe(data.fingerprint);
  write(earlier.replace(/./g, '0'));
  await expect(resume(output, 'training.epochs=4')).rejects.toThrow(/are not those that the training/);
});

describe('going on refuses', () => {
  it('to begin anew over checkpoints whose state is gone', async () => {
    const output = copy('no state');
    rmSync(join(output, 'state'), { recursive: true });
    await expect(resume(output, 'training.epochs=3')).rejects.toThrow(/has best and last, but no state/);
    expect(existsSync(join(output, 'best', 'checkpoint.json'))).toBe(true);
  });

  it('a checkpoint', () => {
    expect(() => savedConfig(join(at('finished'), 'best'))).toThrow(/is a checkpoint, not a training/);
  });

  it.each([
    ['nothing', 'null', /state\.json is damaged/],
    ['no position', '{"format":"showtell-training","version":1}', /state\.json is damaged/],
    ['no JSON', '{', /state\.json cannot be read/],
    [
      'a newer version',
      '{"format":"showtell-training","version":9}',
      /version 9, this showtell reads version 1/,
    ],
  ])('a state.json with %s', async (name, content, message) => {
    const output = copy(`state with ${name}`);
    writeFileSync(join(output, 'state', 'state.json'), content);
    const error: unknown = await resume(output).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(message);
  });

  it.each([
    ['no JSON', '{', '[', /metrics\.jsonl:1 is not JSON/],
    ['no entry', '"step"', '"stop"', /metrics\.jsonl:1 is no entry of a training/],
  ])(
    'a journal with a line that is %s, and changes nothing before it knows',
    async (name, from, to, message) => {
      const output = copy(`journal with ${name}`);
      const journal = join(output, 'metrics.jsonl');
      writeFileSync(journal, readFileSync(journal, 'utf8').replace(from, to));
      const config = readFileSync(join(output, 'config.yaml'), 'utf8');
      await expect(resume(output, 'training.epochs=3')).rejects.toThrow(message);
      expect(readFileSync(join(output, 'config.yaml'), 'utf8')).toBe(config);
    },
  );

  it('a short journal, unless it is forced to do without', async () => {
    const output = copy('short journal');
    const journal = join(output, 'metrics.jsonl');
    const text = readFileSync(journal, 'utf8');
    writeFileSync(journal, text.slice(0, -10));
    await expect(resume(output, 'training.epochs=3')).rejects.toThrow(
      /but had \d+ when the training was saved/,
    );
    const config = savedConfig(output, ['training.epochs=3']);
    const { entries } = await train(config, { cacheDirectory, resume: true, force: true });
    expect(entries.slice(0, -5)).toHaveLength(text.trim().split('\n').length - 1);
    expect(entries.at(-1)).toMatchObject({ event: 'epoch', epoch: 3 });
  });
});

it('what a killed trainer left is not taken for that of another training', async () => {
  const output = copy('leftovers');
  // As between the two renames of a save; the number of the process is in use again.
  renameSync(join(output, 'state'), join(output, '.state.1.deadbeef.tmp.old'));
  cpSync(join(output, 'best'), join(output, '.best.1.deadbeef.tmp'), { recursive: true });
  const result = await resume(output, 'training.epochs=3');
  expect(result.entries.filter(({ event }) => event === 'epoch')).toHaveLength(3);
  renameSync(join(output, 'state'), join(output, '.state.1.deadbeef.tmp.old'));
  await train(tinyConfig(directory, { output, training }), { cacheDirectory, overwrite: true });
  expect(readdirSync(output).filter((name) => name.startsWith('.'))).toEqual([]);
});

it('a trainer that was held up so long that another took over stops', async () => {
  const output = at('taken over');
  const log = whenBar(/^epoch 2/, () =>
    writeFileSync(join(output, 'lock'), '{"pid":1,"host":"x","token":"y"}'),
  );
  const config = tinyConfig(directory, { output, training });
  await expect(train(config, { cacheDirectory, log })).rejects.toThrow(/was taken over by another process/);
});

it('Ctrl-C behind the last step of an epoch leaves its scores', async () => {
  const output = at('late');
  let validations = 0;
  const controller = new AbortController();
  const log = whenBar(/caption/i, () => ++validations === 2 && controller.abort());
  const config = tinyConfig(directory, { output, training });
  const result = await train(config, { cacheDirectory, log, signal: controller.signal });
  expect(validations).toBe(2);
  expect(result.interrupted).toBe(false);
  const metrics = JSON.parse(readFileSync(join(output, 'last', 'metrics.json'), 'utf8')) as {
    validation: unknown;
  };
  expect(metrics.validation).not.toBeNull();
});

it.each([
  [['--resume', 'x', '--config', 'y'], /--resume does not go with --config/],
  [['--resume', 'x', '--overwrite'], /--resume does not go with --overwrite/],
  [['--resume', 'x', '--set', 'output=z'], /a training goes on where it lies/],
  [['--config', 'y', '--force'], /--force goes with --resume only/],
  [[], /neither --config nor --resume is given/],
])('the command line refuses train %s', async (argv, message) => {
  const { code, err } = await runCommand(['train', ...argv]);
  expect(code).toBe(1);
  expect(err).toMatch(message);
});

describe('self-critical training', () => {
  const begun = () => at('critical');

  beforeAll(async () => {
    await train(tinyConfig(directory, { output: begun(), training: { ...training, epochs: 1 } }), {
      cacheDirectory,
    });
  });
  const goOn = (output: string, ...settings: string[]) =>
    train(savedConfig(output, settings), { cacheDirectory, resume: true, force: true });

  it('says what is missing when the checkpoint that it starts from is gone, and goes on once it is back', async () => {
    const best = join(begun(), 'best');
    renameSync(best, at('hidden'));
    const settings = ['training.selfCritical.epochs=1', 'training.selfCritical.samples=2'];
    await expect(goOn(begun(), ...settings)).rejects.toThrow(/starts from .*best, which is not there/);
    renameSync(at('hidden'), best);
    const { entries } = await goOn(begun(), ...settings);
    expect(entries.at(-1)).toMatchObject({ event: 'epoch', epoch: 2, reward: expect.any(Number) as number });
  });

  it('does not go on without its settings, however it is forced', async () => {
    await expect(goOn(begun(), 'training.selfCritical=null')).rejects.toThrow(
      /is in its self-critical stage, whose settings are gone/,
    );
  });
});
