/** Milliseconds of one worker's training step, and the bytes of gradients that it would exchange: what `cost-model.ts` predicts from. */
import { prepareBackend, tf } from '../src/backend/index.js';
import type { ConfigInput } from '../src/config/index.js';
import { Random } from '../src/core/index.js';
import { createDecoder, createEncoder } from '../src/models/index.js';
import { crossEntropy } from '../src/train/objectives/index.js';
import { TrainingStep } from '../src/train/step.js';
import { computedOn, peakMemory, type Measurement } from './measure.js';
import { syntheticBatch, syntheticConfig, syntheticFeatures } from './synthetic.js';

export interface StepsOptions {
  decoder: ConfigInput['decoder'];
  vocabulary: number;
  /** One whose features are there already, or that is trained as a whole on images of `side` pixels. */
  encoder: { name: 'mobilenet_v3_small'; trained: false } | { name: 'resnet50'; trained: true; side: number };
  /** Of a step; a caption each, or as many as fit `lengths`. */
  images: number;
  /** Scored targets of each caption of the batch, falling. */
  lengths: number[];
  warmup: number;
  repeats: number;
}

/** One repeat is forward, backward, clipping, Adam, and the loss read back. */
export async function measureSteps(options: StepsOptions): Promise<Measurement> {
  const backend = await prepareBackend();
  const random = Random.from('bench/steps');
  const { vocabulary, encoder: wanted, images } = options;
  const config = syntheticConfig(options.decoder);
  const drawn = createEncoder({ name: wanted.name, state: null, train: 'none', seed: 1 });
  // Given weights: BatchNorm statistics stay as they are.
  const encoder = wanted.trained
    ? createEncoder({ name: wanted.name, state: drawn.stateDict(), train: 'all', seed: 1 })
    : drawn;
  const { channels, positions } = wanted.trained
    ? { channels: 2048, positions: 49 }
    : { channels: 576, positions: 49 };
  const decoder = createDecoder({
    config: config.decoder,
    vocabularySize: vocabulary,
    featureChannels: channels,
    seed: 1,
  });
  const batch = {
    ...syntheticBatch(options.lengths, vocabulary, random),
    images: Array.from({ length: images }, (_, i) => String(i)),
    imageOfRow: Int32Array.from(options.lengths, (_, row) => row % images),
  };
  const shape = wanted.trained
    ? [images, wanted.side, wanted.side, 3]
    : config.decoder.type === 'lstm'
      ? [images, channels]
      : [images, positions, channels];
  const values = syntheticFeatures(
    shape.reduce((product, size) => product * size, 1),
    random,
  );
  const input = tf.tensor(values, shape);
  const gives = wanted.trained ? { after: null } : ('features' as const);
  const step = new TrainingStep(config, encoder, decoder, crossEntropy(decoder, config.training));
  const milliseconds: number[] = [];
  for (let i = -options.warmup; i < options.repeats; i++) {
    const began = performance.now();
    const { loss, gradientNorm, norms } = step.run([{ input, gives, batch, seed: i + 10, epochs: 0 }], 1e-3);
    loss.dataSync();
    if (i >= 0) milliseconds.push(performance.now() - began);
    tf.dispose([loss, gradientNorm, norms]);
  }
  const trained = [...decoder.variables().values(), ...(wanted.trained ? encoder.variables().values() : [])];
  const parameters = trained.reduce((sum, { size }) => sum + size, 0);
  return {
    values: milliseconds,
    facts: {
      ...{ images, 'gradient bytes': 4 * parameters },
      ...computedOn(backend),
      'peak memory': peakMemory(),
    },
  };
}
