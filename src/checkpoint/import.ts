/** Makes a checkpoint of what the original PyTorch project left: a decoder, its vocabulary, and encoder weights. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { configSchema, type Config } from '../config/index.js';
import { messageOf, UserError } from '../core/index.js';
import { specialWords, Vocabulary } from '../data/index.js';
import {
  createDecoder,
  createEncoder,
  encoders,
  readPlainPickle,
  readWeights,
  type Decoder,
  type StateDict,
} from '../models/index.js';
import { saveCheckpoint } from './checkpoint.js';
import { recogniseDecoder, type OriginalDecoder } from './original.js';

/** The original's names of the special words, at the ids that they have here too. */
const originalSpecialWords = ['PAD', 'UNK', 'EOS', 'BOS'];

export interface ImportRequest {
  /** A whole module or a state dict: a file of torch.save, or a safetensors file. */
  decoder: string;
  /** The pickled list of words, or a JSON file with it, or a checkpoint's `vocabulary.json`. */
  vocabulary: string;
  /** Name of the encoder; null: the only one whose feature maps have the channels that the decoder takes. */
  encoder: string | null;
  /** A file with torchvision's weights of the encoder. */
  encoderWeights: string | null;
  /** Directory of the checkpoint. */
  output: string;
  /** Whether a checkpoint in `output` may be replaced. */
  overwrite: boolean;
}

/** What an import read and found to fit; see {@link readOriginal}. */
export interface Original {
  request: ImportRequest;
  decoder: OriginalDecoder;
  vocabulary: Vocabulary;
  encoder: string;
  encoderState: StateDict;
}

/**
 * Reads all files of an import and checks that they fit each other. Needs no backend and writes nothing.
 * @throws UserError that names the file and what is wrong
 */
export async function readOriginal(request: ImportRequest): Promise<Original> {
  checkOutput(request);
  const decoder = await readDecoder(request.decoder);
  const vocabulary = readVocabulary(request.vocabulary);
  if (vocabulary.size !== decoder.vocabularySize) {
    throw new UserError(
      `the vocabulary ${request.vocabulary} has ${vocabulary.size} words, the decoder ${request.decoder} ` +
        `${decoder.vocabularySize}`,
      { hint: 'give the vocabulary that the decoder was trained with' },
    );
  }
  const encoder = chooseEncoder(request.encoder, decoder.featureChannels);
  const encoderState = await readEncoder(encoder, request.encoderWeights);
  return { request, decoder, vocabulary, encoder, encoderState };
}

/** Reads a decoder of the original project, or one that showtell exported. @throws UserError */
export async function readDecoder(path: string): Promise<OriginalDecoder> {
  return recogniseDecoder(part(await readWeights(path), 'decoder.'), path);
}

/** A decoder with the imported parameters. The backend must be prepared. */
export function createImported({ config, vocabularySize, featureChannels, state }: OriginalDecoder): Decoder {
  const decoder = createDecoder({ config, vocabularySize, featureChannels, seed: 0 });
  decoder.loadState(state);
  return decoder;
}

/**
 * Reads a vocabulary: a list of words, index = id, that begins with PAD, UNK, EOS, BOS, pickled or as JSON; or
 * the `vocabulary.json` of a checkpoint.
 * @throws UserError that names the file and what is wrong
 */
export function readVocabulary(path: string): Vocabulary {
  const content = readWords(path);
  try {
    if (!Array.isArray(content)) return Vocabulary.fromJSON(content instanceof Map ? null : content);
    const words = content as unknown[];
    if (originalSpecialWords.some((word, id) => words[id] !== word)) {
      throw new UserError(`it does not begin with ${originalSpecialWords.join(', ')}`);
    }
    return Vocabulary.fromWords([...specialWords, ...words.slice(specialWords.length)]);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${path} is not a vocabulary of the original project: ${error.message}`, {
      hint: 'it should be a pickled list of words, index = id, that begins with PAD, UNK, EOS, BOS',
      cause: error,
    });
  }
}

/** Bytes of a vocabulary file; the original's 5,910 words take 55,326. */
const MAX_VOCABULARY = 2 ** 26;

function readWords(path: string): unknown {
  try {
    const { size } = statSync(path);
    if (size > MAX_VOCABULARY) throw new Error(`a list of words does not take ${size} bytes`);
    const json = readFileSync(path, 'utf8');
    if (json.startsWith('[') || json.startsWith('{')) return JSON.parse(json) as unknown;
  } catch (error) {
    throw new UserError(`cannot read the vocabulary ${path}: ${messageOf(error)}`, { cause: error });
  }
  return readPlainPickle(path);
}

/** The entries under `prefix` without it, when the file holds parts of a captioner; else all. */
function part(state: StateDict, prefix: string): StateDict {
  const own = [...state].filter(([name]) => name.startsWith(prefix));
  return own.length === 0 ? state : new Map(own.map(([name, entry]) => [name.slice(prefix.length), entry]));
}

function chooseEncoder(name: string | null, channels: number): string {
  if (name !== null) {
    const entry = Object.hasOwn(encoders, name) ? encoders[name] : undefined;
    if (!entry) {
      throw new UserError(`there is no encoder "${name}"; known are ${Object.keys(encoders).join(', ')}`);
    }
    if (entry.channels === channels) return name;
    throw new UserError(
      `the decoder takes image features of ${channels} channels, the encoder "${name}" gives ${entry.channels}`,
      { hint: fitting(channels) },
    );
  }
  const names = withChannels(channels);
  if (names.length === 1) return names[0];
  throw new UserError(
    names.length === 0
      ? `no encoder of showtell gives the ${channels} channels that the decoder takes`
      : `several encoders give the ${channels} channels that the decoder takes: ${names.join(', ')}`,
    {
      hint:
        names.length === 0 ? undefined : 'say which by --encoder; the original used resnet34 for its LSTM',
    },
  );
}

function withChannels(channels: number): string[] {
  return Object.keys(encoders).filter((name) => encoders[name].channels === channels);
}

function fitting(channels: number): string | undefined {
  const names = withChannels(channels);
  return names.length === 0 ? undefined : `encoders with ${channels} channels: ${names.join(', ')}`;
}

async function readEncoder(name: string, path: string | null): Promise<StateDict> {
  if (path === null || path === 'none' || path === 'torchvision') {
    const url = encoders[name].weights?.url;
    throw new UserError(`the weights of the encoder "${name}" are missing; a checkpoint captions by itself`, {
      hint: url
        ? `download ${url} and give the file by --encoder-weights`
        : 'give the file that the decoder was trained with by --encoder-weights',
    });
  }
  return part(await readWeights(path), 'encoder.');
}

/** Only a checkpoint is ever replaced, and only when asked. */
function checkOutput({ output, overwrite }: ImportRequest): void {
  if (!existsSync(output)) return;
  if (!existsSync(join(output, 'checkpoint.json'))) {
    let empty = false;
    try {
      empty = readdirSync(output).length === 0;
    } catch {
      // a file
    }
    if (empty) return;
    throw new UserError(`${output} exists and is not a checkpoint`, { hint: 'give another --output' });
  }
  if (!overwrite) {
    throw new UserError(`${output} holds a checkpoint already`, {
      hint: 'give another --output, or --overwrite to replace it',
    });
  }
}

/** Unknown: where the training captions and photos lie. `evaluate --set data.captions=..` says it when needed. */
const NOWHERE = 'unknown';

/** The configuration of an imported checkpoint: sizes from the files, the rest by the original's rules. */
function importedConfig({ request, decoder, encoder }: Original): Config {
  const preprocessing = encoders[encoder].weights;
  return configSchema.parse({
    name: basename(request.output).replace(/[^\w.-]/g, '-') || 'imported',
    about: `Imported from PyTorch: the decoder ${basename(request.decoder)} and the vocabulary ${basename(request.vocabulary)}.`,
    output: request.output,
    data: {
      format: 'flickr-csv',
      captions: NOWHERE,
      images: NOWHERE,
      splits: { train: NOWHERE, validation: NOWHERE },
    },
    text: { tokenizer: 'letters', minCount: 6, maxWords: 20 },
    ...(preprocessing && {
      image: {
        resize: preprocessing.resize,
        crop: preprocessing.crop,
        interpolation: preprocessing.interpolation,
        mean: preprocessing.mean,
        std: preprocessing.std,
      },
    }),
    encoder: { name: encoder, weights: request.encoderWeights },
    decoder: decoder.config,
  });
}

/** Writes the checkpoint of what {@link readOriginal} gave. The backend must be prepared. @throws UserError */
export function saveOriginal(original: Original): void {
  const { request, vocabulary } = original;
  const encoder = createFrozen(original);
  try {
    const decoder = createImported(original.decoder);
    try {
      const config = importedConfig(original);
      saveCheckpoint(request.output, { config, vocabulary, encoder, decoder, metrics: null, imported: true });
    } finally {
      decoder.dispose();
    }
  } finally {
    encoder.dispose();
  }
}

function createFrozen({ request, encoder, encoderState }: Original) {
  try {
    return createEncoder({ name: encoder, state: encoderState, train: 'none', seed: 0 });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${request.encoderWeights}: ${error.message}`, { hint: error.hint, cause: error });
  }
}
