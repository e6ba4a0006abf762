/** Fine-tuned images/s: the trainer's step with a trained ResNet-18, several captions an image, on synthetic images. */
import { prepareBackend, tf } from '../src/backend/index.js';
import { Random } from '../src/core/index.js';
import { createDecoder, createEncoder } from '../src/models/index.js';
import { crossEntropy } from '../src/train/objectives/index.js';
import { TrainingStep } from '../src/train/step.js';
import { computedOn, rates, type Measurement } from './measure.js';
import { syntheticBatch, syntheticConfig, syntheticFeatures } from './synthetic.js';
import type { DecoderSizes } from './training.js';

export interface FinetuningOptions {
  sizes: DecoderSizes;
  /** Scored targets of each caption of the batch, falling; a multiple of `images`. */
  lengths: number[];
  images: number;
  /** Pixels of a side. */
  side: number;
  warmup: number;
  repeats: number;
}

/** One repeat is forward, backward through the whole encoder, clipping, Adam, and the loss read back. */
export async function measureFinetuning(options: FinetuningOptions): Promise<Measurement> {
  const backend = await prepareBackend();
  const random = Random.from('bench/finetuning');
  const { sizes, images, side } = options;
  const { embedding, hidden, attention, dropout } = sizes;
  const config = syntheticConfig({ type: 'soft-attention', embedding, hidden, attention, dropout });
  const drawn = createEncoder({ name: 'resnet18', state: null, train: 'none', seed: 1 });
  // Given weights: BatchNorm statistics stay as they are.
  const encoder = createEncoder({ name: 'resnet18', state: drawn.stateDict(), train: 'all', seed: 1 });
  const decoder = createDecoder({
    config: config.decoder,
    vocabularySize: sizes.vocabulary,
    featureChannels: sizes.channels,
    seed: 1,
  });
  const step = new TrainingStep(config, encoder, decoder, crossEntropy(decoder, config.training));
  const batch = {
    ...syntheticBatch(options.lengths, sizes.vocabulary, random),
    images: Array.from({ length: images }, (_, i) => String(i)),
    imageOfRow: Int32Array.from(options.lengths, (_, row) => row % images),
  };
  const input = tf.tensor4d(syntheticFeatures(images * side * side * 3, random), [images, side, side, 3]);
  let seed = 0;
  const values = await rates(options, () => {
    const { loss, gradientNorm, norms } = step.run(
      [{ input, gives: { after: null }, batch, seed: seed++, epochs: 0 }],
      1e-3,
    );
    loss.dataSync();
    tf.dispose([loss, gradientNorm, norms]);
    return images;
  });
  return { values, facts: computedOn(backend) };
}
