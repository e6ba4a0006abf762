/** Trainings on the disk: how far they came, how well they do, and what sets them apart. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Config } from '../config/index.js';
import { ownerOfLock, UserError, type Log } from '../core/index.js';
import { parseEntries, type EpochEntry, type JournalEntry, type StepEntry } from './journal.js';
import { differences, savedConfig } from './output.js';

export interface TrainingRun {
  directory: string;
  config: Config;
  /** `running`: another process trains it; `ended`: all its epochs, or patience ended it; `stopped`: it can be resumed. */
  state: 'running' | 'ended' | 'stopped';
  /** Epochs that were finished. */
  epochs: number;
  /** Epochs that it is to have. */
  allEpochs: number;
  /** The epoch with the highest validation score. */
  best: EpochEntry | null;
  /** The latest entry of each kind. */
  lastEpoch: EpochEntry | null;
  lastStep: StepEntry | null;
}

/**
 * The trainings in `folder`: itself, or those in it; those that cannot be read are warned of.
 * @throws UserError when there is none
 */
export function findRuns(folder: string, log: Pick<Log, 'warn'>): TrainingRun[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new UserError(`there is no folder ${folder}`);
  }
  const isRun = (directory: string) => existsSync(join(directory, 'config.yaml')) && !isCheckpoint(directory);
  const found = isRun(folder)
    ? [folder]
    : readdirSync(folder)
        .map((name) => join(folder, name))
        .filter(isRun)
        .sort();
  if (found.length > 0) {
    return found.flatMap((directory) => {
      try {
        return [readRun(resolve(directory))];
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        log.warn(`${directory} is left out: ${error.message}`);
        return [];
      }
    });
  }
  throw new UserError(`there is no training in ${folder}`, {
    hint: "give a training's output directory, or the folder that holds several",
  });
}

const isCheckpoint = (directory: string) => existsSync(join(directory, 'checkpoint.json'));

function readRun(directory: string): TrainingRun {
  const config = savedConfig(directory);
  const entries = readEntries(directory);
  const running = ownerOfLock(join(directory, 'lock')) !== undefined;
  return describeRun(directory, config, entries, running);
}

/**
 * What the journal of the training in `directory` holds so far.
 * @throws UserError that names a damaged line
 */
export function readEntries(directory: string): JournalEntry[] {
  const journal = join(directory, 'metrics.jsonl');
  return existsSync(journal) ? parseEntries(readFileSync(journal, 'utf8'), journal) : [];
}

export function describeRun(
  directory: string,
  config: Config,
  entries: readonly JournalEntry[],
  running: boolean,
): TrainingRun {
  const epochs = entries.filter((entry) => entry.event === 'epoch');
  const lastEpoch = epochs.at(-1) ?? null;
  return {
    directory,
    config,
    state: running ? 'running' : stateOf(config, epochs),
    epochs: lastEpoch?.epoch ?? 0,
    allEpochs: allEpochs(config, epochs),
    best: epochs.findLast((entry) => entry.best) ?? null,
    lastEpoch,
    lastStep: entries.findLast((entry) => entry.event === 'step') ?? null,
  };
}

/** Epochs before self-critical training, where that has begun. */
function epochsBefore(epochs: readonly EpochEntry[]): number | null {
  const first = epochs.find(({ reward }) => reward !== undefined);
  return first ? first.epoch - 1 : null;
}

function allEpochs({ training }: Config, epochs: readonly EpochEntry[]): number {
  return (epochsBefore(epochs) ?? training.epochs) + (training.selfCritical?.epochs ?? 0);
}

function stateOf(config: Config, epochs: readonly EpochEntry[]): 'ended' | 'stopped' {
  const { patience, selfCritical } = config.training;
  const done = epochs.at(-1)?.epoch ?? 0;
  if (done >= allEpochs(config, epochs)) return 'ended';
  const before = epochsBefore(epochs);
  if (patience === null || (selfCritical && before === null)) return 'stopped';
  // Patience begins anew with a stage.
  const best = epochs.findLast((entry) => entry.best)?.epoch ?? 0;
  return done - Math.max(best, before ?? 0) >= patience ? 'ended' : 'stopped';
}

/** Settings that are not the same in all runs, with the value of each run as text. */
export function settingsApart(runs: readonly TrainingRun[]): { key: string; values: string[] }[] {
  const ignored = new Set(['name', 'output', 'about']);
  const [first, ...others] = runs;
  const changes = others.map(({ config }) => differences(first.config, config));
  const keys = [...new Set(changes.flat().map(({ key }) => key))].filter((key) => !ignored.has(key)).sort();
  return keys.map((key) => {
    const own = changes.flat().find((change) => change.key === key)!.before;
    const values = changes.map((change) => change.find((other) => other.key === key)?.after ?? own);
    return { key, values: [own, ...values] };
  });
}

/** How a run is called in a list: the end of its path. */
export const nameOf = ({ directory }: TrainingRun): string => basename(directory);

/** The latest of what a run measured while it trained; null: nothing yet. */
export function newestOf({
  lastEpoch,
  lastStep,
}: TrainingRun): { loss: number; wordsPerSecond: number; seconds: number } | null {
  if (lastStep && lastStep.step > (lastEpoch?.step ?? 0)) return lastStep;
  return lastEpoch && { ...lastEpoch, loss: lastEpoch.trainLoss };
}

/** As in `12 min`, `2 h 13 min`. */
export function duration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
