/**
 * A training step of the demo (configs/demo-wasm.yaml) on WebAssembly, beside plain differentiation: the decoder written
 * for TensorFlow.js' tape, and TensorFlow.js' own kernels where it has them all. Both take turns in one process.
 */
import { join } from 'node:path';
import type { KernelConfig } from '@tensorflow/tfjs-core';
import { prepareBackend, tf } from '../src/backend/index.js';
import { require } from '../src/backend/paths.js';
import { loadConfig, type SoftAttentionConfig } from '../src/config/index.js';
import { Random } from '../src/core/index.js';
import { createDecoder, createEncoder, type Decoder } from '../src/models/index.js';
import { crossEntropy } from '../src/train/objectives/index.js';
import { TrainingStep } from '../src/train/step.js';
import { plainSoftAttentionLoss } from '../tests/decoders/reference.js';
import { computedOn, median, peakMemory, type Measurement } from './measure.js';
import { syntheticBatch, syntheticFeatures } from './synthetic.js';

export interface WasmOptions {
  /** Folder of the package. */
  root: string;
  /** Scored targets of each caption of the batch, falling. */
  lengths: number[];
  vocabulary: number;
  threads: number;
  warmup: number;
  repeats: number;
}

/** Those that WebAssembly has, and showtell replaces. */
const REPLACED = [tf.Sum, tf.Mean, tf.MaxPoolGrad];
const CHANNELS = 96; // of small_cnn

/** Milliseconds a step: forward, backward through the whole encoder, clipping, Adam, and the loss read back. */
export async function measureWasm(options: WasmOptions): Promise<Measurement> {
  require('@tensorflow/tfjs-backend-wasm');
  const own = kernels();
  const backend = await prepareBackend({ backend: 'wasm', threads: options.threads });
  const ours = kernels();
  for (const { setupFunc } of own) setupFunc?.(tf.backend());

  const config = loadConfig(join(options.root, 'configs', 'demo-wasm.yaml'));
  const [height, width] = config.image.resize as [number, number];
  const random = Random.from('bench/wasm');
  const batch = syntheticBatch(options.lengths, options.vocabulary, random);
  const shape: [number, number, number, number] = [batch.size, height, width, 3];
  const input = tf.tensor4d(syntheticFeatures(batch.size * height * width * 3, random), shape);
  const stepOf = (differentiated: (decoder: Decoder) => Decoder) => {
    const encoder = createEncoder({ name: config.encoder.name, state: null, train: 'all', seed: 1 });
    const sizes = { vocabularySize: options.vocabulary, featureChannels: CHANNELS, seed: 1 };
    const decoder = differentiated(createDecoder({ config: config.decoder, ...sizes }));
    return new TrainingStep(config, encoder, decoder, crossEntropy(decoder, config.training));
  };
  const sides = {
    plain: { step: stepOf(plain), kernels: own, times: [] as number[], losses: [] as number[] },
    showtell: {
      step: stepOf((decoder) => decoder),
      kernels: ours,
      times: [] as number[],
      losses: [] as number[],
    },
  };
  for (let i = 0; i < options.warmup + options.repeats; i++) {
    for (const side of Object.values(sides)) {
      for (const kernel of side.kernels) use(kernel);
      const began = performance.now();
      const { loss, gradientNorm, norms } = side.step.run(
        [{ input, gives: { after: null }, batch, seed: i, epochs: 0 }],
        1,
      );
      side.losses.push(loss.dataSync()[0]);
      if (i >= options.warmup) side.times.push(performance.now() - began);
      tf.dispose([loss, gradientNorm, norms]);
    }
  }
  const [expected, first] = [sides.plain.losses[1], sides.showtell.losses[1]];
  if (Math.abs(first / expected - 1) > 1e-4) throw new Error(`losses differ: ${first}, plainly ${expected}`);
  const reference = median(sides.plain.times);
  return {
    values: sides.showtell.times,
    facts: {
      ...computedOn(backend),
      'plain differentiation': `${reference.toFixed(0)} ms`,
      ratio: `${(reference / median(sides.showtell.times)).toFixed(2)} x`,
      'peak memory': peakMemory(),
    },
  };
}

function kernels(): KernelConfig[] {
  return REPLACED.map((name) => tf.getKernel(name, 'wasm')!);
}

function use(kernel: KernelConfig): void {
  tf.unregisterKernel(kernel.kernelName, 'wasm');
  tf.registerKernel(kernel);
}

/** The same decoder with its loss differentiated by TensorFlow.js. */
function plain(decoder: Decoder): Decoder {
  const variables = decoder.variables();
  const lookup = (name: string) => variables.get(name)!;
  const loss: Decoder['loss'] = (features, batch, options) =>
    tf.tidy(() =>
      plainSoftAttentionLoss(
        lookup,
        decoder.config as SoftAttentionConfig,
        features as tf.Tensor3D,
        batch,
        options,
      ),
    );
  return Object.assign(Object.create(decoder) as Decoder, { loss });
}
