/** Prepares everything a training reads: captions, vocabulary, models, and a source of features or pixels. */
import { createHash } from 'node:crypto';
import type { Config } from '../config/index.js';
import { UserError, type Log } from '../core/index.js';
import {
  encodeExamples,
  EpochBatches,
  imageSize,
  readDataset,
  readWordVectors,
  specialWords,
  tokenize,
  Vocabulary,
  type CaptionedImage,
} from '../data/index.js';
import { alone, type World } from '../distributed/index.js';
import {
  createDecoder,
  createEncoder,
  pullWeights,
  readWeights,
  type Decoder,
  type Encoder,
  type PullOptions,
  type StateDict,
} from '../models/index.js';
import { openSources, type Sources } from './sources.js';

export interface TrainingData {
  vocabulary: Vocabulary;
  encoder: Encoder;
  decoder: Decoder;
  sources: Sources;
  batches: EpochBatches;
  train: CaptionedImage[];
  validation: CaptionedImage[];
  /** SHA-256 of what is trained on, and of the weights that it starts from. */
  fingerprint: string;
  close(): Promise<void>;
}

export interface DataOptions extends Pick<PullOptions, 'mirror' | 'proxies'> {
  log: Log;
  signal?: AbortSignal;
  cacheDirectory: string;
  /** The processes that train together; default: this one alone. */
  world?: World;
}

/** What the encoder starts from; null: random weights. */
async function initialWeights({ encoder }: Config, options: DataOptions): Promise<StateDict | null> {
  const { name, weights } = encoder;
  if (weights === null || weights === 'none') return null;
  return readWeights(weights === 'torchvision' ? await pullWeights(name, options) : weights);
}

function fingerprintOf(parts: unknown[], state: StateDict | null): string {
  const hash = createHash('sha256').update(JSON.stringify(parts));
  for (const [name, { shape, data }] of state ?? []) {
    hash.update(JSON.stringify([name, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

function buildVocabulary(
  config: Config,
  train: CaptionedImage[],
  validation: CaptionedImage[],
  log: Log,
): Vocabulary {
  const tokens = (split: CaptionedImage[]) =>
    split.flatMap(({ captions }) => captions.map((caption) => tokenize(caption, config.text.tokenizer)));
  const trainTokens = tokens(train);
  const vocabulary = Vocabulary.build(trainTokens, config.text);
  const percent = (captions: string[][]) => `${(100 * vocabulary.coverage(captions)).toFixed(1)} %`;
  log.info(
    `vocabulary: ${vocabulary.size} entries; it covers ${percent(trainTokens)} of the training words` +
      ` and ${percent(tokens(validation))} of the validation words`,
  );
  return vocabulary;
}

/**
 * Puts pre-trained word vectors into the decoder, where the config names some.
 * @returns what they are known by: nothing, or a hash
 */
async function startWordVectors(
  { training: { wordVectors }, decoder: { embedding } }: Config,
  decoder: Decoder,
  vocabulary: Vocabulary,
  log: Log,
): Promise<string[]> {
  if (wordVectors === null) return [];
  const { vectors } = await readWordVectors(wordVectors, new Set(vocabulary.words), embedding);
  const own = vocabulary.words.length - specialWords.length;
  if (vectors.size === 0) {
    throw new UserError(`${wordVectors} has a vector for none of the ${own} words of the vocabulary`, {
      hint: 'are its words of the same language, and as text.tokenizer makes them?',
    });
  }
  log.info(`word vectors: ${vectors.size} of the ${own} words start from those in ${wordVectors}`);
  const state = decoder.stateDict();
  const { data } = state.get('embed.weight')!;
  const hash = createHash('sha256');
  for (const [word, vector] of vectors) {
    data.set(vector, vocabulary.idOf(word) * embedding);
    hash.update(word).update(vector);
  }
  decoder.loadState(state);
  return [hash.digest('hex')];
}

/** Reads captions, builds the vocabulary and the models, and opens the feature store or the image cache. */
export async function prepareTraining(config: Config, options: DataOptions): Promise<TrainingData> {
  const { log, signal, cacheDirectory, world = alone } = options;
  const dataset = await readDataset(config.data, log);
  const vocabulary = buildVocabulary(config, dataset.train, dataset.validation, log);

  const state = await initialWeights(config, options);
  const encoder = createEncoder({
    name: config.encoder.name,
    state,
    train: config.encoder.train,
    seed: config.seed,
  });
  let decoder: Decoder | undefined;
  let sources: Sources | undefined;
  try {
    const [height, width] = imageSize(config.image);
    decoder = createDecoder({
      config: config.decoder,
      vocabularySize: vocabulary.size,
      featureChannels: encoder.outputShape(height, width, config.encoder.stage)[2],
      seed: config.seed,
    });
    const vectors = await startWordVectors(config, decoder, vocabulary, log);
    const names = (split: CaptionedImage[]) => split.map(({ image }) => image);
    sources = await openSources({
      config,
      encoder,
      state,
      decoder,
      train: names(dataset.train),
      validation: names(dataset.validation),
      log,
      signal,
      cacheDirectory,
      world,
    });
    const opened = sources;
    const present = (split: CaptionedImage[]) => split.filter(({ image }) => opened.has(image));
    const train = present(dataset.train);
    const validation = present(dataset.validation);
    for (const [name, split] of Object.entries({ train, validation })) {
      if (split.length === 0) throw new UserError(`no image of the ${name} split can be used`);
    }
    // From random weights, BatchNorm learns from the batch's images: the more different ones the better.
    const finetuned = encoder.trainedFrom !== null && state !== null;
    const examples = encodeExamples(train, vocabulary, config.text, log);
    const batches = new EpochBatches(examples, {
      batchSize: config.training.batchSize,
      captions: config.training.captions,
      captionsPerImage: config.training.captionsPerImage ?? (finetuned ? config.training.batchSize : 1),
      seed: config.seed,
    });
    const close = () => opened.close();
    const fingerprint = fingerprintOf([vocabulary.toJSON(), examples, validation, ...vectors], state);
    return { vocabulary, encoder, decoder, sources, batches, train, validation, fingerprint, close };
  } catch (error) {
    await sources?.close();
    encoder.dispose();
    decoder?.dispose();
    throw error;
  }
}
