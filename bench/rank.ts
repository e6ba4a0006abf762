/** One of the processes of allreduce.ts: `rank.js OPTIONS-AS-JSON`; rank 0 prints the measurement. */
import { availableParallelism } from 'node:os';
import { prepareBackend, tf } from '../src/backend/index.js';
import { distributedSchema } from '../src/config/index.js';
import { Random } from '../src/core/index.js';
import { joinWorld, type World } from '../src/distributed/index.js';
import { createDecoder, createEncoder } from '../src/models/index.js';
import { crossEntropy } from '../src/train/objectives/index.js';
import { shareOf } from '../src/train/share.js';
import { TrainingStep } from '../src/train/step.js';
import type { AllreduceOptions, StepOptions, SumOptions } from './allreduce.js';
import type { Measurement } from './measure.js';
import { syntheticBatch, syntheticConfig, syntheticFeatures } from './synthetic.js';

/** Numbers of a bucket, as trainings have them unless they say otherwise. */
const BUCKET = (distributedSchema.parse({}).bucketMiB * 2 ** 20) / 4;

/** Milliseconds of each repeat, begun by all processes together. */
function times({ warmup, repeats }: AllreduceOptions, world: World, work: () => void): number[] {
  return Array.from({ length: warmup + repeats }, () => {
    world.gather('ready');
    const began = performance.now();
    work();
    return performance.now() - began;
  }).slice(warmup);
}

function measureSum(options: SumOptions, world: World): Measurement {
  const values = new Float32Array((options.mib * 2 ** 20) / 4).fill(world.rank + 1);
  const milliseconds = times(options, world, () => {
    const sums = Array.from({ length: Math.ceil(values.length / BUCKET) }, (_, i) =>
      world.startSum(values.subarray(i * BUCKET, (i + 1) * BUCKET), options.wire),
    );
    for (const sum of sums) sum.finish();
  });
  return { values: milliseconds };
}

/** Counts the sums that are done before something waits for them. */
function counting(world: World): { world: World; early: () => string } {
  let [started, early] = [0, 0];
  return {
    world: {
      ...world,
      startSum(...sum) {
        const pending = world.startSum(...sum);
        started++;
        const advance = () => {
          const done = pending.advance();
          early += Number(done);
          return done;
        };
        return { advance, finish: () => pending.finish() };
      },
    },
    early: () => `${early} of ${started}`,
  };
}

/** Forward, backward, sums, clipping, Adam; the loss is read back. */
async function measureStep(options: StepOptions, world: World): Promise<Measurement> {
  const threads = Math.max(1, Math.floor(availableParallelism() / world.size));
  await prepareBackend({ threads });
  const random = Random.from('bench/allreduce');
  const { vocabulary, features: shape } = options;
  const config = syntheticConfig(options.decoder, { training: { distributed: { wire: options.wire } } });
  const encoder = createEncoder({ name: config.encoder.name, state: null, train: 'none', seed: 1 });
  const decoder = createDecoder({
    config: config.decoder,
    vocabularySize: vocabulary,
    featureChannels: shape.at(-1)!,
    seed: 1,
  });
  const counted = counting(world);
  const objective = crossEntropy(decoder, config.training);
  const step = new TrainingStep(config, encoder, decoder, objective, { world: counted.world });
  const batch = shareOf(syntheticBatch(options.lengths, vocabulary, random), world)!;
  const count = batch.images.length * shape.reduce((a, b) => a * b);
  const input = tf.tensor(syntheticFeatures(count, random), [batch.images.length, ...shape]);
  let seed = 0;
  const values = times(options, world, () => {
    const result = step.run([{ input, gives: 'features', batch, seed: seed++, epochs: 0 }], 1);
    result.loss.dataSync();
    tf.dispose([result.loss, result.gradientNorm, result.norms]);
  });
  const numbers = [...decoder.variables().values()].reduce((sum, { size }) => sum + size, 0);
  const facts = {
    'threads each': threads,
    gradients: `${((4 * numbers) / 2 ** 20).toFixed(0)} MiB`,
    ...(world.size > 1 && { 'sums done before they were waited for': counted.early() }),
  };
  return { values, facts };
}

const options = JSON.parse(process.argv[2]) as AllreduceOptions;
const world = await joinWorld(process.env);
const measurement = await (options.work === 'sum' ? measureSum(options, world) : measureStep(options, world));
world.end();
if (world.rank === 0) console.log(JSON.stringify(measurement));
process.exit(0);
