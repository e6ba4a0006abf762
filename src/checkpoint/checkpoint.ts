/**
 * A checkpoint is a directory that captions by itself:
 * `checkpoint.json` (format, version, hashes), `config.yaml`, `vocabulary.json`, `model.safetensors` (encoder and
 * decoder under PyTorch's names), `metrics.json`, `README.md` (model card).
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig, formatConfig, type Config } from '../config/index.js';
import { Vocabulary, imageSize } from '../data/index.js';
import { messageOf, recoverDirectory, UserError, writeDirectoryAtomic } from '../core/index.js';
import {
  createDecoder,
  createEncoder,
  openWeights,
  partOf,
  readSafetensors,
  writeSafetensors,
  type Decoder,
  type Encoder,
  type StateDict,
} from '../models/index.js';
import { modelCard } from './card.js';

const FORMAT = 'showtell-checkpoint';
const VERSION = 1;

/** What is known about a checkpoint's quality, as `metrics.json` holds it. */
export interface CheckpointMetrics {
  /** Epochs finished when the weights were taken. */
  epoch: number;
  /** Optimizer steps. */
  step: number;
  /** Whether it comes from self-critical training. */
  selfCritical?: boolean;
  /** Mean loss per token over the last epoch, nats. */
  trainLoss: number | null;
  /** Free-running greedy captions of the validation split. */
  validation: { images: number; bleu: number[]; ciderD?: number; tokenizer: string; maxWords: number } | null;
  /** Wall-clock seconds of training so far, without building the feature store. */
  seconds: number;
  trainImages: number;
  trainCaptions: number;
}

export interface Checkpoint {
  directory: string;
  config: Config;
  vocabulary: Vocabulary;
  encoder: Encoder;
  decoder: Decoder;
  /** SHA-256 of `model.safetensors`, hexadecimal. */
  hash: string;
  metrics: CheckpointMetrics | null;
}

interface Manifest {
  format: string;
  version: number;
  sha256: Record<string, string>;
}

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** All weights that captioning needs, under `encoder.` and `decoder.`. */
export function modelState(encoder: Encoder, decoder: Decoder): StateDict {
  const entries = (prefix: string, state: StateDict) =>
    [...state].map(([name, entry]) => [`${prefix}.${name}`, entry] as const);
  return new Map([
    ...entries('encoder', encoder.stateDict({ classifier: false })),
    ...entries('decoder', decoder.stateDict()),
  ]);
}

/**
 * Writes a checkpoint; `directory` holds the old or the new one, never a part.
 * @param parts imported: another program trained it, and the model card says nothing of its training
 */
export function saveCheckpoint(
  directory: string,
  parts: Pick<Checkpoint, 'config' | 'vocabulary' | 'encoder' | 'decoder' | 'metrics'> & {
    imported?: boolean;
  },
): void {
  const state = modelState(parts.encoder, parts.decoder);
  const dtype = parts.config.training.checkpointPrecision === 'float16' ? 'F16' : 'F32';
  const model = writeSafetensors(state, { dtype, metadata: { format: 'pt' } });
  const vocabulary = `${JSON.stringify(parts.vocabulary.toJSON(), null, 0)}\n`;
  const manifest: Manifest = {
    format: FORMAT,
    version: VERSION,
    sha256: { 'model.safetensors': sha256(model), 'vocabulary.json': sha256(vocabulary) },
  };
  writeDirectoryAtomic(directory, {
    'checkpoint.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'config.yaml': formatConfig(parts.config),
    'vocabulary.json': vocabulary,
    'model.safetensors': model,
    'metrics.json': `${JSON.stringify(parts.metrics, null, 2)}\n`,
    'README.md': modelCard({ ...parts, modelBytes: model.length }),
  });
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as unknown;
  } catch (error) {
    throw new UserError(`${path} is damaged: ${messageOf(error)}`, { cause: error });
  }
}

function readManifest(directory: string): Manifest {
  recoverDirectory(directory);
  if (!existsSync(directory)) throw new UserError(`there is no checkpoint ${directory}`);
  if (!statSync(directory).isDirectory()) {
    throw new UserError(`${directory} is a file; a checkpoint is a directory`);
  }
  const path = join(directory, 'checkpoint.json');
  if (!existsSync(path)) {
    const inner = ['best', 'last'].filter((name) => existsSync(join(directory, name, 'checkpoint.json')));
    throw new UserError(`${directory} is not a showtell checkpoint: it has no checkpoint.json`, {
      hint: inner.length > 0 ? `did you mean ${join(directory, inner[0])}?` : undefined,
    });
  }
  const manifest = readJson(path) as Partial<Manifest> | null;
  if (manifest?.format !== FORMAT) {
    throw new UserError(`${path}: format is ${JSON.stringify(manifest?.format)}, expected "${FORMAT}"`);
  }
  if (manifest.version !== VERSION) {
    const newer = typeof manifest.version === 'number' && manifest.version > VERSION;
    throw new UserError(
      `${path}: format version ${JSON.stringify(manifest.version)}, this showtell reads version ${VERSION}`,
      {
        hint: newer
          ? 'a newer showtell wrote it: update showtell'
          : 'no converter for it exists: train it again, or use the showtell that wrote it',
      },
    );
  }
  return { format: FORMAT, version: VERSION, sha256: manifest.sha256 ?? {} };
}

function checkFile(directory: string, manifest: Manifest, name: string): void {
  const path = join(directory, name);
  if (!existsSync(path)) throw new UserError(`the checkpoint ${directory} is incomplete: ${name} is missing`);
  if (sha256(readFileSync(path)) !== manifest.sha256[name]) {
    throw new UserError(`${path} is damaged: its SHA-256 is not the one in checkpoint.json`, {
      hint: 'copy or download the checkpoint again',
    });
  }
}

/**
 * Reads a checkpoint, with a frozen encoder. The backend must be prepared.
 * @throws UserError that names what is missing, damaged, foreign, older or newer
 */
export function loadCheckpoint(directory: string): Checkpoint {
  const manifest = readManifest(directory);
  checkFile(directory, manifest, 'model.safetensors');
  const config = readCheckpointConfig(directory);
  const vocabulary = readCheckpointVocabulary(directory);
  const metricsPath = join(directory, 'metrics.json');
  const metrics = existsSync(metricsPath) ? (readJson(metricsPath) as CheckpointMetrics | null) : null;

  const modelPath = join(directory, 'model.safetensors');
  const { state } = readSafetensors(modelPath);
  let encoder: Encoder | undefined;
  let decoder: Decoder | undefined;
  try {
    encoder = createEncoder({
      name: config.encoder.name,
      state: partOf(state, 'encoder.'),
      train: 'none',
      seed: config.seed,
    });
    const [height, width] = imageSize(config.image);
    decoder = createDecoder({
      config: config.decoder,
      vocabularySize: vocabulary.size,
      featureChannels: encoder.outputShape(height, width, config.encoder.stage)[2],
      seed: config.seed,
    });
    decoder.loadState(partOf(state, 'decoder.'));
    return {
      directory,
      config,
      vocabulary,
      encoder,
      decoder,
      hash: manifest.sha256['model.safetensors'],
      metrics,
    };
  } catch (error) {
    encoder?.dispose();
    decoder?.dispose();
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${modelPath} does not fit ${join(directory, 'config.yaml')}: ${error.message}`, {
      cause: error,
    });
  }
}

/**
 * Only the weights of a checkpoint, as they lie in its file: `encoder.*` and `decoder.*`. No backend is needed.
 * @throws UserError that names what is missing, damaged, foreign, older or newer
 */
export async function readCheckpointWeights(
  directory: string,
): Promise<{ state: StateDict; precision: 'float32' | 'float16' }> {
  checkFile(directory, readManifest(directory), 'model.safetensors');
  const path = join(directory, 'model.safetensors');
  const file = await openWeights(path);
  file.close();
  const precision = file.tensors[0]?.dtype === 'float16' ? 'float16' : 'float32';
  const other = file.tensors.find(({ dtype }) => dtype !== precision);
  if (other) throw new UserError(`${path}: "${other.name}" is ${other.dtype}, the others are ${precision}`);
  return { state: readSafetensors(path).state, precision };
}

/**
 * Only the configuration of a checkpoint: no weights are read and no backend is needed.
 * @param overrides settings as `path.to.key=value`
 */
export function readCheckpointConfig(directory: string, overrides: readonly string[] = []): Config {
  readManifest(directory);
  const path = join(directory, 'config.yaml');
  if (!existsSync(path))
    throw new UserError(`the checkpoint ${directory} is incomplete: config.yaml is missing`);
  return parseConfig(readFileSync(path, 'utf8'), path, overrides);
}

/** Only the vocabulary of a checkpoint. */
export function readCheckpointVocabulary(directory: string): Vocabulary {
  checkFile(directory, readManifest(directory), 'vocabulary.json');
  return Vocabulary.fromJSON(readJson(join(directory, 'vocabulary.json')));
}
