/** The output directory of a training: a new one, or one that goes on. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatConfig, parseConfig, type Config } from '../config/index.js';
import { Lock, messageOf, recoverDirectory, UserError, writeFileAtomic } from '../core/index.js';
import { Journal } from './journal.js';

/** What a training puts there, beside its lock. */
const contents = ['metrics.jsonl', 'best', 'last', 'state', 'tensorboard', 'report.html', 'config.yaml'];

/** Settings that may differ when a training goes on: they change none of its numbers up to then. */
const free = [
  'about',
  'output',
  'training.epochs',
  'training.selfCritical.epochs',
  'training.patience',
  'training.logEvery',
  'training.saveEvery',
  'training.distributed.bucketMiB',
  'validation.batchSize',
];

const journalOf = (output: string) => join(output, 'metrics.jsonl');
const configOf = (output: string) => join(output, 'config.yaml');

/** What `writeDirectoryAtomic` writes. */
const directories = ['best', 'last', 'state'];

/** A directory that only this process writes to. */
export interface OwnOutput {
  /** @throws UserError when another process has taken it over, because this one was held up for too long */
  check(): void;
  /** Removes the directory if nothing was written. */
  release(): void;
}

/** Of a process that trains with another one, which writes. */
export const othersOutput: OwnOutput = { check: () => undefined, release: () => undefined };

/**
 * Keeps other trainers out, and ends what a trainer that died left there.
 * @throws UserError that names the process that trains there
 */
export function lockOutput(output: string): OwnOutput {
  try {
    mkdirSync(output, { recursive: true });
  } catch (error) {
    throw new UserError(`the output directory ${output} cannot be made: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const removeIfEmpty = () => {
    if (existsSync(output) && readdirSync(output).length === 0) rmdirSync(output);
  };
  const path = join(output, 'lock');
  let lock: ReturnType<typeof Lock.take>;
  try {
    lock = Lock.take(path);
  } catch (error) {
    removeIfEmpty();
    throw error;
  }
  if (!(lock instanceof Lock)) {
    throw new UserError(`another training (process ${lock.owner}) writes to ${output}; its lock is ${path}`, {
      hint: 'wait for it, or train to another directory',
    });
  }
  const own = lock;
  for (const name of directories) recoverDirectory(join(output, name), true);
  return {
    check: () => own.check(),
    release() {
      own.release();
      removeIfEmpty();
    },
  };
}

/** @throws UserError when there is a training and it is not to be replaced */
export function checkVacant(output: string, overwrite: boolean): void {
  if (overwrite || !existsSync(configOf(output))) return;
  throw new UserError(`${output} already holds a training`, {
    hint:
      `go on with it by showtell train --resume ${output}, choose another directory with --set output=DIR, ` +
      'or replace it with --overwrite',
  });
}

/** Replaces what an earlier training left. */
export function beginOutput(config: Config): Journal {
  for (const name of contents) rmSync(join(config.output, name), { recursive: true, force: true });
  writeFileAtomic(configOf(config.output), formatConfig(config));
  return Journal.create(journalOf(config.output));
}

/** @param journalBytes length of the journal when the training was saved */
export function reopenOutput(config: Config, journalBytes: number, force: boolean): Journal {
  const journal = Journal.reopen(journalOf(config.output), journalBytes, force);
  writeFileAtomic(configOf(config.output), formatConfig(config));
  return journal;
}

/** @throws UserError when a training without `state/` got so far that beginning anew would destroy something */
export function checkNothingLost(output: string): void {
  const left = ['best', 'last'].filter((name) => existsSync(join(output, name)));
  if (left.length === 0) return;
  throw new UserError(`${output} has ${left.join(' and ')}, but no state/ to go on from`, {
    hint: 'put state/ back, or start anew: in another directory, or with --overwrite',
  });
}

/**
 * The configuration that a training in `output` was started with.
 * @param overrides settings as `path.to.key=value`
 * @throws UserError when there is none
 */
export function savedConfig(output: string, overrides: readonly string[] = []): Config {
  const path = configOf(output);
  if (existsSync(join(output, 'checkpoint.json'))) {
    throw new UserError(`${output} is a checkpoint, not a training`, {
      hint: `give the output directory of the training, as ${dirname(output)} may be`,
    });
  }
  if (!existsSync(path)) {
    throw new UserError(`${output} holds no training: it has no config.yaml`, {
      hint: 'give the output directory of an earlier training',
    });
  }
  // The directory may have been moved.
  return { ...parseConfig(readFileSync(path, 'utf8'), path, overrides), output };
}

/** Settings that differ, with both values as text. */
export function differences(before: Config, after: Config): { key: string; before: string; after: string }[] {
  const [old, changed] = [flatten(before), flatten(after)];
  return [...new Set([...old.keys(), ...changed.keys()])]
    .filter((key) => old.get(key) !== changed.get(key))
    .map((key) => ({ key, before: old.get(key) ?? 'not set', after: changed.get(key) ?? 'not set' }));
}

/**
 * @param selfCritical whether self-critical training has begun; until then nothing depends on its settings
 * @throws UserError that lists the settings that may not change when a training goes on
 */
export function checkUnchanged(before: Config, after: Config, selfCritical: boolean): void {
  const changed = differences(before, after).filter(
    ({ key }) => !free.includes(key) && (selfCritical || !key.startsWith('training.selfCritical')),
  );
  if (changed.length === 0) return;
  const lines = changed.map(({ key, before: old, after: now }) => `  ${key}: ${old} -> ${now}`);
  throw new UserError(
    `the training in ${after.output} was started with other settings; it would not be the same training:\n` +
      lines.join('\n'),
    { hint: 'leave them as they were, start anew in another directory, or insist with --force' },
  );
}

/** Every setting as text, by its path. */
function flatten(value: unknown, path = ''): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return new Map([[path, JSON.stringify(value)]]);
  }
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [...flatten(inner, path ? `${path}.${key}` : key)]),
  );
}
