/**
 * A training as it stands, to go on from bit for bit: `state/` in its output directory, whole or as it was before.
 * `state.json` (position, hashes), `model.safetensors` and `optimizer.safetensors`, both in float32.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, recoverDirectory, UserError, writeDirectoryAtomic } from '../core/index.js';
import { readSafetensors, writeSafetensors, type StateDict } from '../models/index.js';
import type { EpochEntry } from './journal.js';
import type { StepLoss } from './losses.js';
import { noPlateau, type Plateau } from './schedule.js';

const FORMAT = 'showtell-training';
const VERSION = 1;

/** Everything but the weights. Random numbers need no state: they follow from the seed, the epoch and the step. */
export interface Position {
  /** The epoch that is at work, from 1. */
  epoch: number;
  /** Batches of it that are done. */
  batch: number;
  /** Optimizer steps so far. */
  step: number;
  /** Seconds of training up to the last entry in the journal, and since then. */
  seconds: number;
  secondsSince: number;
  /** Of the epoch up to its last entry in the journal. */
  total: { loss: number; tokens: number; seconds: number };
  /** Steps since that entry. */
  unreported: StepLoss[];
  best: EpochEntry | null;
  epochsWithoutGain: number;
  plateau: Plateau;
  /** Length of `metrics.jsonl`. */
  journalBytes: number;
}

export const beginning: Readonly<Position> = {
  epoch: 1,
  batch: 0,
  step: 0,
  seconds: 0,
  secondsSince: 0,
  total: { loss: 0, tokens: 0, seconds: 0 },
  unreported: [],
  best: null,
  epochsWithoutGain: 0,
  plateau: noPlateau,
  journalBytes: 0,
};

export interface TrainingState {
  position: Position;
  /** Of the data and the initial weights (data.ts). */
  fingerprint: string;
  model: StateDict;
  optimizer: StateDict;
}

interface Manifest extends Pick<TrainingState, 'position' | 'fingerprint'> {
  format: string;
  version: number;
  sha256: Record<string, string>;
}

const weightFiles = ['model', 'optimizer'] as const;
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** @throws UserError where it cannot be written; the state before is still there then */
export function saveState(output: string, { position, fingerprint, ...weights }: TrainingState): void {
  const files = Object.fromEntries(
    weightFiles.map((name) => [`${name}.safetensors`, writeSafetensors(weights[name], { dtype: 'F32' })]),
  );
  const manifest: Manifest = {
    format: FORMAT,
    version: VERSION,
    position,
    fingerprint,
    sha256: Object.fromEntries(Object.entries(files).map(([name, data]) => [name, sha256(data)])),
  };
  const path = join(output, 'state');
  try {
    writeDirectoryAtomic(path, { 'state.json': `${JSON.stringify(manifest)}\n`, ...files });
  } catch (error) {
    throw new UserError(`the training cannot be saved to ${path}: ${messageOf(error)}`, {
      hint: `mend that, then go on from the last save with showtell train --resume ${output}`,
      cause: error,
    });
  }
}

/**
 * What `saveState` wrote last; undefined where it never was called.
 * @throws UserError that names what is missing, damaged or of another version
 */
export function loadState(output: string): TrainingState | undefined {
  const path = join(output, 'state');
  recoverDirectory(path);
  const manifestPath = join(path, 'state.json');
  if (!existsSync(manifestPath)) return undefined;
  let manifest: Manifest;
  try {
    manifest = JSON.parse(readFileSync(manifestPath, 'utf8')) as Manifest;
  } catch (error) {
    throw new UserError(`${manifestPath} is damaged: ${messageOf(error)}`, { cause: error });
  }
  if (manifest.format !== FORMAT || manifest.version !== VERSION) {
    throw new UserError(
      `${manifestPath}: ${manifest.format} version ${manifest.version}, this showtell reads ${FORMAT} version ${VERSION}`,
      { hint: 'resume with the showtell that trained it, or start again with --overwrite' },
    );
  }
  const read = (name: string): StateDict => {
    const file = join(path, `${name}.safetensors`);
    if (!existsSync(file)) throw new UserError(`${path} is incomplete: ${name}.safetensors is missing`);
    if (sha256(readFileSync(file)) !== manifest.sha256[`${name}.safetensors`]) {
      throw new UserError(`${file} is damaged: its SHA-256 is not the one in state.json`);
    }
    return readSafetensors(file).state;
  };
  const { position, fingerprint } = manifest;
  return { position, fingerprint, model: read('model'), optimizer: read('optimizer') };
}

/** Bytes that are free where `directory` is. */
function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

/**
 * Before long work: whether the checkpoints and the state will fit.
 * @param numbers parameters of the whole model, and those of them that are trained
 * @throws UserError that says how much is needed
 */
export function checkSpace(output: string, numbers: { all: number; trained: number }): void {
  const model = 4 * numbers.all;
  const state = model + 8 * numbers.trained; // two moments
  // Best, last and state, one of them twice while it is replaced.
  const needed = 2 * model + 2 * state;
  const free = freeBytes(output);
  if (free >= needed) return;
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  throw new UserError(
    `${output} has ${gib(free)} free, the checkpoints of this training need ${gib(needed)}`,
    {
      hint: 'free some space, or choose another directory with --set output=DIR',
    },
  );
}
