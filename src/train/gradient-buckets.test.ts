import { describe, expect, it } from 'vitest';
import { prepareBackend, tf } from '../backend/index.js';
import { EOS, packRows } from '../data/index.js';
import type { World } from '../distributed/index.js';
import { createDecoder, type DecoderConfig } from '../models/index.js';
import { uniform } from '../../tests/helpers.js';
import { GradientBuckets, type StepGradients } from './gradient-buckets.js';
import { mixInputs } from './objectives/scheduled-sampling.js';
import { perCaption } from './objectives/index.js';
import { shareOf } from './share.js';

await prepareBackend();
const configs: DecoderConfig[] = [
  { type: 'soft-attention', embedding: 7, hidden: 8, attention: 9, dropout: 0.5 },
  { type: 'soft-attention', embedding: 8, hidden: 8, attention: 9, dropout: 0.5, tieWeights: true },
  { type: 'lstm', embedding: 7, hidden: 8, layers: 2, dropout: 0.3, outputDropout: 0.2 },
];
const images = ['a', 'b', 'c', 'd', 'e'];
const batchOf = (shift: number) =>
  packRows(
    images.flatMap((image, i) =>
      Array.from({ length: i < 3 ? 2 : 1 }, (_, k) => ({
        image,
        targets: [
          ...Array.from({ length: 1 + ((3 * i + k) % 5) }, (_, t) => 4 + ((i + 2 * k + t + shift) % 7)),
          EOS,
        ],
      })),
    ),
    images,
  );
type Batch = ReturnType<typeof batchOf>;

function setUp(config: DecoderConfig) {
  const decoder = createDecoder({ config, vocabularySize: 11, featureChannels: 6, seed: 3 });
  const shape = decoder.features === 'map' ? [5, 4, 6] : [5, 6];
  const features = tf.tensor(
    uniform(
      'buckets',
      shape.reduce((a, b) => a * b),
    ),
    shape,
  );
  /** Loss and gradients of a share. */
  const learn = (own: Batch, sums?: StepGradients) => {
    const index = tf.tensor1d(
      own.images.map((image) => images.indexOf(image)),
      'int32',
    );
    const mixed = mixInputs(decoder, () => tf.gather(features, index), own, 0.5, 9);
    const rows = perCaption(tf.gather(features, index), mixed);
    const { loss, gradients } = decoder.lossAndGradients(rows, mixed, {
      ...{ training: true, seed: 4 },
      listener: sums && {
        complete: (name, gradient) => sums.add(name, gradient, own.tokens),
        meanwhile: () => sums.advance(),
      },
    });
    return { loss, gradients, tokens: own.tokens, images: own.images.length, reward: 2 };
  };
  return { decoder, learn };
}

/**
 * What all of `size` processes come to. Each runs twice: first to know what it hands in, call by call, then with the sums.
 * @param events what the processes do, in their order
 */
function together<T>(
  size: number,
  work: (world: World, events: string[]) => T,
): { result: T; events: string[] }[] {
  const handed: Float32Array[][] = [];
  const said: string[][] = [];
  const run = (rank: number, sums: boolean) => {
    const events: string[] = [];
    let call = 0;
    let words = 0;
    const sum = (values: Float32Array) => {
      const own = call++;
      if (!sums) {
        handed[rank].push(values.slice());
        return () => undefined;
      }
      return () =>
        values.forEach((_, i) => (values[i] = handed.reduce((all, calls) => all + calls[own][i], 0)));
    };
    const world = {
      ...{ rank, size },
      sum: (values: Float32Array) => sum(values)(),
      startSum(values: Float32Array, wire: string) {
        events.push(`${wire} ${values.length}`);
        const finish = sum(values);
        return { advance: () => false, finish };
      },
      gather(text: string) {
        if (!sums) said[rank].push(text);
        words++;
        return said.map((texts) => texts[words - 1]);
      },
    } as unknown as World;
    return { result: work(world, events), events };
  };
  for (let rank = 0; rank < size; rank++) {
    handed.push([]);
    said.push([]);
    run(rank, false);
  }
  return Array.from({ length: size }, (_, rank) => run(rank, true));
}

describe.each(configs)('$type, tied $tieWeights: the gradients of all processes', (config) => {
  const { decoder, learn } = setUp(config);
  const batches = [batchOf(0), batchOf(1)];
  const total = [...decoder.variables().values()].reduce((sum, { size }) => sum + size, 0);

  /** One step after another of a process, with `perStep` batches each. */
  const stepsOf = (world: World, bucketMiB: number, perStep: number, events: string[] = []) => {
    const buckets = new GradientBuckets(world, decoder.variables(), { bucketMiB, wire: 'bfloat16' });
    return Array.from({ length: 3 }, () => {
      const own = batches.slice(0, perStep).flatMap((batch) => shareOf(batch, world) ?? []);
      const sums: StepGradients = buckets.begin('decoder', own.length);
      events.push('begin');
      for (const batch of own) sums.endBatch(learn(batch, sums));
      events.push('learnt');
      return sums.finish(world.rank === 1);
    });
  };

  it.each([
    { size: 2, bucketMiB: 25, perStep: 1 },
    { size: 3, bucketMiB: 0.0003, perStep: 2 },
    { size: 7, bucketMiB: 0.0003, perStep: 1 },
  ])('are those of one, by $size with buckets of $bucketMiB MiB', ({ size, bucketMiB, perStep }) => {
    const expected = batches.slice(0, perStep).map((batch) => learn(batch));
    const tokens = expected.reduce((sum, batch) => sum + batch.tokens, 0);
    const meanOf = (part: (learnt: (typeof expected)[number]) => ArrayLike<number>) =>
      Array.from(part(expected[0]), (_, i) =>
        expected.reduce((sum, own) => sum + (part(own)[i] * own.tokens) / tokens, 0),
      );
    for (const { result } of together(size, (world) => stepsOf(world, bucketMiB, perStep))) {
      for (const step of result) {
        expect(step).toMatchObject({ tokens, stop: true, images: perStep * images.length });
        expect(step.reward).toBeCloseTo(2, 6);
        expect(step.loss.dataSync()[0]).toBeCloseTo(meanOf(({ loss }) => loss.dataSync())[0], 5);
        expect([...step.gradients.keys()].sort()).toEqual([...expected[0].gradients.keys()].sort());
        for (const [name, gradient] of step.gradients) {
          const wanted = meanOf(({ gradients }) => gradients.get(name)!.dataSync());
          const scale = Math.max(1e-3, ...wanted.map(Math.abs));
          const found = gradient.dataSync();
          wanted.forEach((value, i) => expect(Math.abs(found[i] - value) / scale).toBeLessThan(1e-5));
        }
      }
    }
  });

  it('leave in buckets of the size that is asked for, while others are still computed', () => {
    const numbers = 100;
    const [{ events }] = together(2, (world, own) => stepsOf(world, (4 * numbers) / 2 ** 20, 1, own));
    const steps = events.join().split('begin,').slice(1);
    const sizesOf = (part: string) =>
      part.split(',').flatMap((event) => event.match(/^bfloat16 (\d+)$/)?.[1] ?? []);
    for (const [i, step] of steps.entries()) {
      const [during, after] = step.split('learnt').map(sizesOf);
      expect([...during, ...after].map(Number)).toEqual([
        ...Array<number>(Math.floor(total / numbers)).fill(numbers),
        total % numbers,
      ]);
      // All but the first step know the order, and find every bucket complete before the end of the backward pass.
      expect(i === 0 ? during : after).toEqual([]);
    }
  });

  it('go away with the step', () => {
    const world = { ...{ rank: 0, size: 2 }, sum() {}, startSum: () => ({ advance() {}, finish() {} }) };
    const buckets = new GradientBuckets(
      { ...world, gather: (text: string) => [text] } as unknown as World,
      decoder.variables(),
      { bucketMiB: 25, wire: 'float32' },
    );
    const step = () => {
      const sums = buckets.begin('decoder', 1);
      tf.engine().startScope();
      const own = learn(batches[0], sums);
      for (const tensor of [own.loss, ...own.gradients.values()]) tf.keep(tensor);
      tf.engine().endScope();
      sums.endBatch(own);
      const { loss, gradients } = sums.finish(false);
      tf.dispose([loss, ...gradients.values()]);
    };
    step();
    const { numTensors } = tf.memory();
    step();
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('name the process that has others than rank 0', () => {
    const world = { rank: 3, size: 4, gather: () => ['["fc.bias"]'], sum() {} } as unknown as World;
    const variables = new Map([['fc.bias', tf.variable(tf.zeros([2]))]]);
    const sums = new GradientBuckets(world, variables, { bucketMiB: 1, wire: 'float32' }).begin('all', 1);
    sums.add('fc.weight', tf.zeros([2]), 1);
    expect(() => sums.finish(false)).toThrow('rank 3 has a gradient of fc.weight, which rank 0 has not');
    const none = new GradientBuckets(world, variables, { bucketMiB: 1, wire: 'float32' }).begin('all', 1);
    expect(() => none.finish(false)).toThrow('rank 3 has no gradient of fc.bias');
  });
});
