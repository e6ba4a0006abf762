/** Training words/s of the soft-attention decoder: the trainer's own step on synthetic captions and features. */
import { prepareBackend, tf } from '../src/backend/index.js';
import { Random } from '../src/core/index.js';
import type { CaptionBatch } from '../src/data/index.js';
import { createDecoder, createEncoder } from '../src/models/index.js';
import { crossEntropy } from '../src/train/objectives/index.js';
import { TrainingStep, type StepResult } from '../src/train/step.js';
import { computedOn, peakMemory, rates, type Measurement } from './measure.js';
import { syntheticBatch, syntheticConfig, syntheticFeatures } from './synthetic.js';

export interface DecoderSizes {
  vocabulary: number;
  embedding: number;
  hidden: number;
  attention: number;
  /** P places of the feature map, each of `channels` numbers. */
  positions: number;
  channels: number;
  /** Share dropped before the vocabulary projection. */
  dropout: number;
}

export interface TrainingOptions {
  sizes: DecoderSizes;
  /** Scored targets of each caption of the batch, falling. */
  lengths: number[];
  precision: 'float32' | 'bfloat16';
  warmup: number;
  repeats: number;
}

/** A decoder of the given sizes, and the trainer's step on it with features of `rows` images. */
export function trainingStep(sizes: DecoderSizes, rows: number, random: Random) {
  const { embedding, hidden, attention, dropout } = sizes;
  const config = syntheticConfig(
    { type: 'soft-attention', embedding, hidden, attention, dropout },
    { training: { learningRate: 1e-3, clipNorm: 5 } },
  );
  const encoder = createEncoder({ name: config.encoder.name, state: null, train: 'none', seed: 1 });
  const decoder = createDecoder({
    config: config.decoder,
    vocabularySize: sizes.vocabulary,
    featureChannels: sizes.channels,
    seed: 1,
  });
  const record = sizes.positions * sizes.channels;
  const features = syntheticFeatures(rows * record, random); // (B, P, C)
  const step = new TrainingStep(config, encoder, decoder, crossEntropy(decoder, config.training));
  /** One step with the features of as many images as the batch has rows. */
  const run = (batch: CaptionBatch, seed: number): StepResult => {
    const shape: [number, number, number] = [batch.size, sizes.positions, sizes.channels];
    const input = tf.tensor(features.subarray(0, batch.size * record), shape);
    const result = step.run([{ input, gives: 'features', batch, seed, epochs: 0 }], 1);
    input.dispose();
    return result;
  };
  return { run, decoder };
}

/** Scored targets a second; one repeat is forward, backward, clipping, Adam, and the loss read back. */
export async function measureTraining(options: TrainingOptions): Promise<Measurement> {
  const backend = await prepareBackend({ precision: options.precision });
  const random = Random.from('bench/training');
  const batch = syntheticBatch(options.lengths, options.sizes.vocabulary, random);
  const { run } = trainingStep(options.sizes, batch.size, random);
  let seed = 0;
  const values = await rates(options, () => {
    const { loss, gradientNorm, norms } = run(batch, seed++);
    loss.dataSync();
    tf.dispose([loss, gradientNorm, norms]);
    return batch.tokens;
  });
  return { values, facts: { ...computedOn(backend), 'peak memory': peakMemory() } };
}
