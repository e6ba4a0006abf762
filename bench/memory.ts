/** Resident memory and tensors over many training steps with captions of changing lengths. */
import { prepareBackend, tf } from '../src/backend/index.js';
import { Random } from '../src/core/index.js';
import { slope, type Measurement } from './measure.js';
import { syntheticBatch } from './synthetic.js';
import { trainingStep, type DecoderSizes } from './training.js';

export interface MemoryOptions {
  sizes: DecoderSizes;
  /** Targets of captions to draw batches from. */
  lengths: number[];
  batchSize: number;
  steps: number;
  /** Steps before memory is expected to be flat. */
  settled: number;
  /** Steps between two readings. */
  every: number;
}

/** RSS counts as flat when its line over the settled steps rises by less than this share of it. */
const FLAT = 0.02;
const MiB = 2 ** 20;

/** Growth of RSS in MiB per 100 steps after `settled` steps, as the one value. */
export async function measureMemory(options: MemoryOptions): Promise<Measurement> {
  await prepareBackend();
  const random = Random.from('bench/memory');
  const { run } = trainingStep(options.sizes, options.batchSize, random);
  const readings: { x: number; y: number; tensors: number }[] = []; // steps, MiB
  for (let n = 1; n <= options.steps; n++) {
    const lengths = Array.from({ length: options.batchSize }, () => random.pick(options.lengths));
    const batch = syntheticBatch(
      lengths.sort((a, b) => b - a),
      options.sizes.vocabulary,
      random,
    );
    const result = run(batch, n);
    result.loss.dataSync();
    tf.dispose([result.loss, result.gradientNorm, result.norms]);
    if (n >= options.settled && n % options.every === 0) {
      readings.push({ x: n, y: process.memoryUsage.rss() / MiB, tensors: tf.memory().numTensors });
    }
  }
  const [first, last] = [readings[0], readings[readings.length - 1]];
  const perStep = slope(readings);
  const growth = perStep * (last.x - first.x);
  return {
    values: [100 * perStep],
    facts: {
      [`RSS at step ${first.x}`]: `${first.y.toFixed(0)} MiB`,
      [`RSS at step ${last.x}`]: `${last.y.toFixed(0)} MiB`,
      [`RSS is`]: growth < FLAT * first.y ? 'flat' : `growing: ${growth.toFixed(0)} MiB by the fitted line`,
      tensors: `${first.tensors} -> ${last.tensors}`,
    },
  };
}
