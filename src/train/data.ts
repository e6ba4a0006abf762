/** Prepares everything a training reads: captions, vocabulary, models, and a source of features or pixels. */
import type { Config } from '../config/index.js';
import { UserError, type Log } from '../core/index.js';
import {
  encodeExamples,
  EpochBatches,
  ImageCache,
  imageSize,
  readDataset,
  tokenize,
  Vocabulary,
  type CaptionedImage,
} from '../data/index.js';
import {
  normalizePixels,
  openFeatureStore,
  pixelSource,
  storeSource,
  type FeatureSource,
} from '../infer/index.js';
import { createDecoder, createEncoder, readWeights, type Decoder, type Encoder } from '../models/index.js';
import type { Source } from './step.js';

export interface TrainingData {
  vocabulary: Vocabulary;
  encoder: Encoder;
  decoder: Decoder;
  source: Source;
  /** What validation decodes from. */
  features: FeatureSource;
  batches: EpochBatches;
  train: CaptionedImage[];
  validation: CaptionedImage[];
  close(): void;
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

/** Reads captions, builds the vocabulary and the models, and opens the feature store or the image cache. */
export async function prepareTraining(
  config: Config,
  options: { log: Log; signal?: AbortSignal; cacheDirectory: string },
): Promise<TrainingData> {
  const { log, signal, cacheDirectory } = options;
  const dataset = await readDataset(config.data, log);
  const vocabulary = buildVocabulary(config, dataset.train, dataset.validation, log);

  const encoder = createEncoder({
    name: config.encoder.name,
    state: config.encoder.weights ? await readWeights(config.encoder.weights) : null,
    train: config.encoder.train,
    seed: config.seed,
  });
  let decoder: Decoder | undefined;
  try {
    const [height, width] = imageSize(config.image);
    decoder = createDecoder({
      config: config.decoder,
      vocabularySize: vocabulary.size,
      featureChannels: encoder.outputShape(height, width, config.encoder.stage)[2],
      seed: config.seed,
    });
    const images = [...dataset.train, ...dataset.validation].map(({ image }) => image);
    const source = await openSource(config, encoder, decoder, images, { log, signal, cacheDirectory });
    const present = (split: CaptionedImage[]) => split.filter(({ image }) => source.has(image));
    const train = present(dataset.train);
    const validation = present(dataset.validation);
    for (const [name, split] of Object.entries({ train, validation })) {
      if (split.length === 0) throw new UserError(`no image of the ${name} split can be used`);
    }
    const batches = new EpochBatches(encodeExamples(train, vocabulary, config.text, log), {
      batchSize: config.training.batchSize,
      captions: config.training.captions,
      seed: config.seed,
    });
    const { features } = source;
    const close = () => source.close();
    return { vocabulary, encoder, decoder, source, features, batches, train, validation, close };
  } catch (error) {
    encoder.dispose();
    decoder?.dispose();
    throw error;
  }
}

async function openSource(
  config: Config,
  encoder: Encoder,
  decoder: Decoder,
  images: string[],
  options: { log: Log; signal?: AbortSignal; cacheDirectory: string },
): Promise<Source & { features: FeatureSource; has(image: string): boolean; close(): void }> {
  if (!encoder.trainable) {
    const store = await openFeatureStore({ config, encoder, decoder, images, ...options });
    const features = storeSource(store);
    return {
      input: (names) => features.features(names),
      features,
      has: (name) => store.has(name),
      close: () => store.close(),
    };
  }
  const cache = await ImageCache.load({
    images,
    imageDirectory: config.data.images,
    imageConfig: config.image,
    onBadImage: config.data.onBadImage,
    log: options.log,
    signal: options.signal,
  });
  const read = (names: readonly string[]) => cache.read(names);
  return {
    input: (names) => normalizePixels(read(names), config.image),
    features: pixelSource(encoder, decoder, config, read),
    has: (name) => cache.has(name),
    close() {},
  };
}
