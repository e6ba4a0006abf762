/**
 * What the steps and the validation of each epoch read. While the encoder's output cannot change, that is the feature
 * store; the frozen stages below a trained one count as such an encoder, unless images are changed at random.
 */
import { tf } from '../backend/index.js';
import type { Config } from '../config/index.js';
import { UserError, type Log } from '../core/index.js';
import { augments, imageSize, TrainingImages, type Corpus, type FeatureStore } from '../data/index.js';
import {
  encodePixels,
  normalizePixels,
  openFeatureStore,
  poolForDecoder,
  storeSource,
  type FeatureSource,
} from '../infer/index.js';
import type { World } from '../distributed/index.js';
import { createEncoder, type Decoder, type Encoder, type StateDict } from '../models/index.js';

/** What a step starts from. */
export interface Source {
  /** Features as the decoder takes them, or maps of the encoder's stage `after`; null: normalised images. */
  readonly gives: 'features' | { after: string | null };
  /**
   * Reads ahead of a step; the function it gives makes the tensor, which the caller disposes of: features (U, P, C) or
   * (U, C), or maps (U, H, W, C).
   * @param batch number of the batch in its epoch
   */
  read(images: readonly string[], epoch: number, batch: number): Promise<() => tf.Tensor>;
}

export interface Sources {
  has(image: string): boolean;
  /**
   * For the steps of an epoch, counted from 1.
   * @param trainsEncoder whether images may be changed at random
   */
  training(epoch: number, trainsEncoder: boolean): Source;
  /** For the validation behind an epoch. */
  validation(epoch: number): FeatureSource;
  close(): Promise<void>;
}

interface Context {
  config: Config;
  encoder: Encoder;
  /** The weights the encoder was made from; null: drawn from the seed. */
  state: StateDict | null;
  decoder: Decoder;
  corpus: Pick<Corpus, 'images' | 'imageSet' | 'train' | 'validation'>;
  log: Log;
  signal?: AbortSignal;
  cacheDirectory: string;
  /** The processes that share out the encoding. */
  world: World;
}

export async function openSources(context: Context): Promise<Sources> {
  const { encoder, config } = context;
  if (encoder.trainedFrom === null) {
    const store = await openStore(context, encoder);
    return fromStore(store);
  }
  checkTrainedStages(config, encoder);
  const frozen = config.encoder.trainAfter > 0 ? await openInitialStore(context) : null;
  try {
    const live = await openLive(context);
    if (!frozen) return live;
    const alone = (epoch: number) => epoch <= config.encoder.trainAfter;
    return {
      has: (image) => frozen.has(image) && live.has(image),
      training: (epoch, trains) => (alone(epoch) ? frozen : live).training(epoch, trains),
      validation: (epoch) => (alone(epoch) ? frozen : live).validation(epoch),
      async close() {
        await frozen.close();
        await live.close();
      },
    };
  } catch (error) {
    await frozen?.close();
    throw error;
  }
}

function checkTrainedStages({ encoder: { stage, train } }: Config, encoder: Encoder): void {
  const used = stage === null ? encoder.stages.length - 1 : encoder.stages.indexOf(stage);
  if (used >= 0 && encoder.stages.indexOf(encoder.trainedFrom!) > used) {
    throw new UserError(
      `encoder.train: ${train} would train nothing, for encoder.stage is ${stage}, which comes before`,
      { hint: 'train from an earlier stage, use a later one, or set encoder.train: none' },
    );
  }
}

function openStore(
  { config, decoder, corpus, log, signal, cacheDirectory, world }: Context,
  encoder: Encoder,
  output: { stage: string | null; kind: 'map' | 'pooled' } = {
    stage: config.encoder.stage,
    kind: decoder.features,
  },
): Promise<FeatureStore> {
  const { images, imageSet } = corpus;
  const own = { config, encoder, ...output, log, signal, cacheDirectory };
  return openFeatureStore({ ...own, images, imageSet, team: world });
}

/** The output of the encoder as it starts, for the epochs in which it does not change yet. */
async function openInitialStore(context: Context): Promise<Sources> {
  const { config, state } = context;
  const encoder = createEncoder({ name: config.encoder.name, state, train: 'none', seed: config.seed });
  try {
    return fromStore(await openStore(context, encoder));
  } finally {
    encoder.dispose();
  }
}

function fromStore(store: FeatureStore): Sources {
  const source: Source = {
    gives: 'features',
    async read(images) {
      const features = await store.read(images);
      return () => tf.tensor(features, [images.length, ...store.featureShape]);
    },
  };
  const features = storeSource(store);
  return {
    has: (image) => store.has(image),
    training: () => source,
    validation: () => features,
    close: () => Promise.resolve(store.close()),
  };
}

/** For epochs in which the encoder changes. */
async function openLive(context: Context): Promise<Sources> {
  const { config, encoder } = context;
  const after = encoder.stages[encoder.stages.indexOf(encoder.trainedFrom!) - 1] ?? null;
  return after === null || augments(config.training.augment)
    ? fromImages(context, await openImages(context))
    : fromMaps(context, after, await openStore(context, encoder, { stage: after, kind: 'map' }));
}

function openImages({ config, corpus, log, signal }: Context): Promise<TrainingImages> {
  return TrainingImages.open({
    train: [...corpus.train.imageNames()],
    validation: corpus.validation.map(({ image }) => image),
    imageDirectory: config.data.images,
    imageConfig: config.image,
    augment: config.training.augment,
    seed: config.seed,
    onBadImage: config.data.onBadImage,
    log,
    signal,
  });
}

function fromImages({ config, encoder, decoder }: Context, images: TrainingImages): Sources {
  const from = (
    read: (names: readonly string[], epoch: number, batch: number) => Promise<Uint8Array>,
  ): Source => ({
    gives: { after: null },
    async read(...what) {
      const pixels = await read(...what);
      return () => normalizePixels(pixels, config.image);
    },
  });
  const changed = from((...what) => images.readForTraining(...what));
  const plain = from((names) => images.read(names));
  const features: FeatureSource = {
    features: async (names) => encodePixels(encoder, decoder, config, await images.read(names)),
  };
  return {
    has: (image) => images.has(image),
    training: (_, trainsEncoder) => (trainsEncoder ? changed : plain),
    validation: () => features,
    close: () => images.close(),
  };
}

/** From the maps of the last frozen stage. */
function fromMaps({ config, encoder, decoder }: Context, after: string, store: FeatureStore): Sources {
  const shape = encoder.outputShape(...imageSize(config.image), after); // (H, W, C)
  const maps = async (images: readonly string[]) => {
    const values = await store.read(images);
    return () => tf.tensor4d(values, [images.length, ...shape]);
  };
  const source: Source = { gives: { after }, read: maps };
  const features: FeatureSource = {
    async features(images) {
      const input = await maps(images);
      return tf.tidy(() =>
        poolForDecoder(encoder, decoder, encoder.forward(input(), config.encoder.stage, { after })),
      );
    },
  };
  return {
    has: (image) => store.has(image),
    training: () => source,
    validation: () => features,
    close: () => Promise.resolve(store.close()),
  };
}
