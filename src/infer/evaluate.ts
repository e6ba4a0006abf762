/** Free-running captions of a split, their scores, and the protocol that the numbers belong to. */
import { inBfloat16, type BackendOptions } from '../backend/index.js';
import { loadCheckpoint, readCheckpointConfig, type Checkpoint } from '../checkpoint/index.js';
import { cacheDirectory, silentLog, UserError, type Log } from '../core/index.js';
import { readSplit, tokenize, UNK, type CaptionedImage, type SplitName } from '../data/index.js';
import {
  coverage,
  defaultBootstrap,
  measure,
  novelty,
  tokenizerOf,
  withIntervals,
  type BootstrapSettings,
  type Evaluation,
  type Novelty,
  type ScoringTokenizer,
} from '../evaluation/index.js';
import type { Meteor, Tokens } from '../metrics/index.js';
import { captionFeatures } from './captions.js';
import { resolveSearch } from './decoding/index.js';
import { prepareInference } from './device.js';
import { openFeatureStore, storeSource } from './features.js';
import { describeCaptionSearch, inVocabulary, type CaptionSearch } from './search.js';

export interface EvaluateOptions {
  /** directory of the checkpoint */
  checkpoint: string;
  split: SplitName;
  /** How captions are searched for; default: greedily, of at most `validation.maxWords` words of the configuration. */
  search?: CaptionSearch;
  /** Of hypotheses and references alike; default: `ptb`, that of published scores. */
  tokenizer?: ScoringTokenizer;
  bootstrap?: Partial<BootstrapSettings>;
  /** METEOR's data; default: none, and METEOR is left out */
  meteor?: Meteor;
  /** Images decoded at a time; default: the configuration's `validation.batchSize`. */
  batchSize?: number;
  /** Settings of the checkpoint's `data`, as `data.images=DIR`, for files that have moved since. */
  overrides?: readonly string[];
  device?: BackendOptions;
  log?: Log;
  /** Aborting ends the evaluation with the signal's reason. */
  signal?: AbortSignal;
  /** Where the feature store lives; default: the platform's cache directory. */
  cacheDirectory?: string;
}

/** @throws UserError for a damaged checkpoint, a split that cannot be read, or options that do not fit together */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { checkpoint: directory, split, log = silentLog, tokenizer = 'ptb', meteor } = options;
  for (const override of options.overrides ?? []) {
    if (!override.startsWith('data.')) {
      throw new UserError(`--set ${override}: an evaluation can change only data.* settings`, {
        hint: 'everything else belongs to the trained model',
      });
    }
  }
  const config = readCheckpointConfig(directory, options.overrides);
  const search = { maxWords: config.validation.maxWords, ...options.search };
  resolveSearch(search);
  const images = await readSplit(config.data, split, log);
  await prepareInference(options.device);
  const checkpoint = loadCheckpoint(directory);
  try {
    const { present, captions } = await captionSplit({ ...checkpoint, config }, images, search, options);
    const scored = present.map(({ image, captions: references }, i) => ({
      image,
      references,
      // The empty word of an imported vocabulary is none that a tokenizer gives.
      caption: captions[i].words.filter((word) => word !== '').join(' '),
      finished: captions[i].finished,
    }));
    const bootstrap = { ...defaultBootstrap, ...options.bootstrap };
    const measured = measure(scored, { tokenizer, meteor });
    const { scores, statistics, perImage } = withIntervals(measured, bootstrap);
    const { vocabulary } = checkpoint;
    return {
      protocol: {
        model: {
          checkpoint: directory,
          sha256: checkpoint.hash,
          split,
          decoding: `${describeCaptionSearch(search)}${inBfloat16() ? ', bfloat16' : ''}`,
          unreadable: images.length - present.length,
        },
        files: null,
        images: present.length,
        references: scored.reduce((sum, { references }) => sum + references.length, 0),
        tokenizer,
        bootstrap,
      },
      scores,
      statistics,
      novelty: await noveltyOf(measured.hypotheses, config.data, tokenizer, log),
      coverage: coverage(
        scored.flatMap(({ references }) => references.map((one) => tokenize(one, config.text.tokenizer))),
        (word) => vocabulary.encode([word])[0] !== UNK,
      ),
      captions: scored.map((one, i) => ({
        ...one,
        scores: perImage[i],
        logProbability: captions[i].logProbability,
      })),
    };
  } finally {
    checkpoint.encoder.dispose();
    checkpoint.decoder.dispose();
  }
}

async function captionSplit(
  { config, encoder, decoder, vocabulary }: Checkpoint,
  images: CaptionedImage[],
  search: CaptionSearch,
  { batchSize, log = silentLog, signal, ...options }: EvaluateOptions,
) {
  const decoding = inVocabulary(search, vocabulary, config.text.tokenizer);
  const store = await openFeatureStore({
    config,
    encoder,
    stage: config.encoder.stage,
    kind: decoder.features,
    images: images.map(({ image }) => image),
    log,
    cacheDirectory: options.cacheDirectory ?? cacheDirectory(process.env, process.platform),
    signal,
  });
  try {
    const present = images.filter(({ image }) => store.has(image));
    const names = present.map(({ image }) => image);
    const captions = await captionFeatures(decoder, vocabulary, storeSource(store), names, {
      ...decoding,
      batchSize: batchSize ?? config.validation.batchSize,
      log,
      signal,
    });
    return { present, captions };
  } finally {
    store.close();
  }
}

/** Null, with a warning, where the training captions are not here: a checkpoint travels without them. */
async function noveltyOf(
  hypotheses: readonly Tokens[],
  data: Checkpoint['config']['data'],
  tokenizer: ScoringTokenizer,
  log: Log,
): Promise<Novelty | null> {
  try {
    const training = await readSplit({ ...data, onBadImage: 'skip' }, 'train', silentLog);
    const tokens = tokenizerOf(tokenizer);
    return novelty(
      hypotheses,
      training.flatMap(({ captions }) => captions.map(tokens)),
    );
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    log.warn(`novelty is left out: ${error.message}`);
    return null;
  }
}
