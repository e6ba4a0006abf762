/**
 * A training as it stands, to go on from bit for bit: `state/` in its output directory, whole or as it was before.
 * `state.json` (position, hashes), `model.safetensors` and `optimizer.safetensors`, both in float32.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { tf } from '../backend/index.js';
import type { Config } from '../config/index.js';
import { messageOf, UserError, writeDirectoryAtomic } from '../core/index.js';
import { readSafetensors, safetensorsParts, type StateDict } from '../models/index.js';
import type { TrainingData } from './data.js';
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
  total: { loss: number; reward: number; tokens: number; seconds: number };
  /** Steps since that entry. */
  unreported: StepLoss[];
  best: EpochEntry | null;
  epochsWithoutGain: number;
  plateau: Plateau;
  /** Epochs and steps before self-critical training began; null: it did not. */
  selfCritical: { epoch: number; step: number } | null;
  /** Length of `metrics.jsonl`. */
  journalBytes: number;
}

export const beginning: Readonly<Position> = {
  epoch: 1,
  batch: 0,
  step: 0,
  seconds: 0,
  secondsSince: 0,
  total: { loss: 0, reward: 0, tokens: 0, seconds: 0 },
  unreported: [],
  best: null,
  epochsWithoutGain: 0,
  plateau: noPlateau,
  selfCritical: null,
  journalBytes: 0,
};

export interface TrainingState {
  position: Position;
  /** Of the data and the initial weights (data.ts). */
  fingerprint: string;
  /** What computed it: `native` or `wasm`. */
  backend: string;
  model: StateDict;
  optimizer: StateDict;
}

const headSchema = z.object({ format: z.literal(FORMAT), version: z.number() });

/** What is relied on; the best epoch and the losses are handed on as they are. */
const manifestSchema = headSchema.extend({
  fingerprint: z.string(),
  backend: z.string(),
  sha256: z.record(z.string(), z.string()),
  position: z.object({
    ...{ epoch: z.number(), batch: z.number(), step: z.number(), seconds: z.number() },
    ...{ secondsSince: z.number(), epochsWithoutGain: z.number(), journalBytes: z.number() },
    total: z.object({
      ...{ loss: z.number(), reward: z.number().default(0), tokens: z.number(), seconds: z.number() },
    }),
    unreported: z.array(
      z.object({
        ...{ step: z.number(), loss: z.number(), gradientNorm: z.number(), tokens: z.number() },
        reward: z.number().optional(),
      }),
    ),
    best: z
      .looseObject({ epoch: z.number(), validation: z.looseObject({ bleu: z.array(z.number()) }) })
      .nullable(),
    plateau: z.object({ best: z.number(), bad: z.number(), factor: z.number() }),
    selfCritical: z.object({ epoch: z.number(), step: z.number() }).nullable().default(null),
  }),
});

interface Manifest extends Pick<TrainingState, 'position' | 'fingerprint' | 'backend'> {
  format: string;
  version: number;
  sha256: Record<string, string>;
}

const weightFiles = ['model', 'optimizer'] as const;

function sha256(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** @throws UserError where it cannot be written; the state before is still there then */
export function saveState(
  output: string,
  { position, fingerprint, backend, ...weights }: TrainingState,
): void {
  const files = Object.fromEntries(
    weightFiles.map((name) => [`${name}.safetensors`, safetensorsParts(weights[name], { dtype: 'F32' })]),
  );
  const manifest: Manifest = {
    format: FORMAT,
    version: VERSION,
    position,
    fingerprint,
    backend,
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
  if (!existsSync(path)) return undefined;
  const manifest = readManifest(join(path, 'state.json'));
  const read = (name: string): StateDict => {
    const file = join(path, `${name}.safetensors`);
    if (!existsSync(file)) throw new UserError(`${path} is incomplete: ${name}.safetensors is missing`);
    if (sha256([readFileSync(file)]) !== manifest.sha256[`${name}.safetensors`]) {
      throw new UserError(`${file} is damaged: its SHA-256 is not the one in state.json`);
    }
    return readSafetensors(file).state;
  };
  const { position, fingerprint, backend } = manifest;
  return { position, fingerprint, backend, model: read('model'), optimizer: read('optimizer') };
}

function readManifest(path: string): Manifest {
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(`${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  const kind = headSchema.safeParse(found);
  if (kind.success && kind.data.version !== VERSION) {
    throw new UserError(`${path}: version ${kind.data.version}, this showtell reads version ${VERSION}`, {
      hint: 'resume with the showtell that trained it, or start again with --overwrite',
    });
  }
  const manifest = manifestSchema.safeParse(found);
  if (manifest.success) return manifest.data as unknown as Manifest;
  const [issue] = manifest.error.issues;
  throw new UserError(`${path} is damaged: ${issue.path.join('.') || 'all of it'}: ${issue.message}`);
}

/** Bytes of the files in a directory, where there is one. */
function bytesIn(directory: string): number {
  if (!existsSync(directory)) return 0;
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

/** @throws UserError, before long work, when the checkpoints and the state will not fit; it says how much is needed */
export function checkSpace(output: string, { training }: Config, { encoder, decoder }: TrainingData): void {
  const sum = (sizes: number[]) => sizes.reduce((total, size) => total + size, 0);
  const sizes = (variables: ReadonlyMap<string, tf.Variable>) =>
    sum([...variables.values()].map(({ size }) => size));
  const ofDecoder = sizes(decoder.variables());
  const trained = sizes(encoder.variables()) + ofDecoder;
  // Numbers that the optimizer and the average keep for each one that is trained.
  const kept =
    (training.optimizer === 'sgd' ? 1 : 2) +
    (training.averageDecay === null ? 0 : 1) +
    ((training.selfCritical?.interpolation ?? 1) < 1 ? 1 : 0);
  const frozenToo = [...encoder.stateDict({ classifier: false }).values()].map(({ data }) => data.length);
  const model = 4 * (sum(frozenToo) + ofDecoder);
  const state = model + 4 * trained * kept;
  // Best, last and state, the largest of them twice while it is replaced.
  const needed = 2 * model + 2 * state;
  const there = ['best', 'last', 'state'].reduce((sum, name) => sum + bytesIn(join(output, name)), 0);
  const { bavail, bsize } = statfsSync(output);
  const missing = needed - there - bavail * bsize;
  if (missing <= 0) return;
  const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20).toLocaleString('en')} MiB`;
  throw new UserError(
    `the checkpoints of this training need ${mib(needed)}; where ${output} is, ${mib(missing)} are missing`,
    { hint: 'free some space, or train to another directory' },
  );
}
