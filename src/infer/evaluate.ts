/** Free-running captions of a split and their corpus BLEU, with the protocol that the numbers belong to. */
import { prepareBackend, type BackendOptions } from '../backend/index.js';
import { loadCheckpoint, readCheckpointConfig } from '../checkpoint/index.js';
import { cacheDirectory, silentLog, UserError, type Log } from '../core/index.js';
import { readSplit, tokenize, type SplitName } from '../data/index.js';
import { bleu, type BleuScores } from '../metrics/index.js';
import { captionFeatures, type Caption } from './captions.js';
import { openFeatureStore, storeSource } from './features.js';

export interface EvaluateOptions {
  /** directory of the checkpoint */
  checkpoint: string;
  split: SplitName;
  /** Hypotheses kept for each image; 1 (the default) decodes greedily. */
  beam?: number;
  /** Most words of a caption; default: the configuration's `validation.maxWords`. */
  maxWords?: number;
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

/** What scores must be told with, to be compared. */
export interface Protocol {
  checkpoint: string;
  /** SHA-256 of `model.safetensors` */
  modelSha256: string;
  split: SplitName;
  images: number;
  references: number;
  /** Of references and hypotheses alike. */
  tokenizer: string;
  beam: number;
  maxWords: number;
  metric: string;
}

export interface Evaluation {
  protocol: Protocol;
  /** Corpus BLEU-1..4, each in 0..1. */
  bleu: BleuScores;
  brevityPenalty: number;
  /** Words of the captions over words of the closest references. */
  lengthRatio: number;
  /** Mean words of a caption. */
  meanWords: number;
  /** Captions that did not end within `maxWords`. */
  unfinished: number;
  /** Images of the split that were left out because they cannot be read. */
  skipped: number;
  /** In the order of the split. */
  captions: { image: string; caption: Caption; bleu: BleuScores; references: string[] }[];
}

/** @throws UserError for a damaged checkpoint, or a split that cannot be read */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { checkpoint: directory, split, log = silentLog, signal } = options;
  for (const override of options.overrides ?? []) {
    if (!override.startsWith('data.')) {
      throw new UserError(`--set ${override}: an evaluation can change only data.* settings`, {
        hint: 'everything else belongs to the trained model',
      });
    }
  }
  const config = readCheckpointConfig(directory, options.overrides);
  const images = await readSplit(config.data, split, log);
  await prepareBackend(options.device);
  const checkpoint = loadCheckpoint(directory);
  const { encoder, decoder, vocabulary } = checkpoint;
  const store = await openFeatureStore({
    config,
    encoder,
    stage: config.encoder.stage,
    kind: decoder.features,
    images: images.map(({ image }) => image),
    log,
    cacheDirectory: options.cacheDirectory ?? cacheDirectory(process.env, process.platform),
    signal,
  }).catch((error: unknown) => {
    encoder.dispose();
    decoder.dispose();
    throw error;
  });
  try {
    const present = images.filter(({ image }) => store.has(image));
    const beam = options.beam ?? 1;
    const maxWords = options.maxWords ?? config.validation.maxWords;
    const names = present.map(({ image }) => image);
    const captions = await captionFeatures(decoder, vocabulary, storeSource(store), names, {
      beam,
      maxWords,
      batchSize: options.batchSize ?? config.validation.batchSize,
      log,
      signal,
    });
    const references = present.map((one) =>
      one.captions.map((caption) => tokenize(caption, config.text.tokenizer)),
    );
    const result = bleu(
      // The empty word of an imported vocabulary is none that a tokenizer gives.
      captions.map(({ words }) => words.filter((word) => word !== '')),
      references,
      names,
    );
    return {
      protocol: {
        checkpoint: directory,
        modelSha256: checkpoint.hash,
        split,
        images: present.length,
        references: references.flat().length,
        tokenizer: config.text.tokenizer,
        beam,
        maxWords,
        metric: 'BLEU-1..4, corpus-level, closest reference length (as pycocoevalcap)',
      },
      bleu: result.bleu,
      brevityPenalty: result.brevityPenalty,
      lengthRatio: result.lengthRatio,
      meanWords: result.hypothesisLength / present.length,
      unfinished: captions.filter(({ finished }) => !finished).length,
      skipped: images.length - present.length,
      captions: captions.map((caption, i) => ({
        image: names[i],
        caption,
        bleu: result.perImage[i],
        references: present[i].captions,
      })),
    };
  } finally {
    store.close();
    encoder.dispose();
    decoder.dispose();
  }
}
