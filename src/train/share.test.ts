import { describe, expect, it } from 'vitest';
import { prepareBackend, tf } from '../backend/index.js';
import { EOS, packRows } from '../data/index.js';
import type { World } from '../distributed/index.js';
import { createDecoder } from '../models/index.js';
import { uniform } from '../../tests/helpers.js';
import { mixInputs } from './objectives/scheduled-sampling.js';
import { perCaption } from './objectives/index.js';
import { meanOverAll, shareOf, type Learnt } from './share.js';

await prepareBackend();
const config = { type: 'soft-attention', embedding: 7, hidden: 8, attention: 9, dropout: 0.5 } as const;
const decoder = createDecoder({ config, vocabularySize: 11, featureChannels: 6, seed: 3 });
const images = ['a', 'b', 'c', 'd', 'e'];
const features = tf.tensor(uniform('share', 5 * 4 * 6), [5, 4, 6]);
const batch = packRows(
  images.flatMap((image, i) =>
    Array.from({ length: i < 3 ? 2 : 1 }, (_, k) => ({
      image,
      targets: [...Array.from({ length: 1 + ((3 * i + k) % 5) }, (_, t) => 4 + ((i + 2 * k + t) % 7)), EOS],
    })),
  ),
  images,
);

function learn(own: typeof batch): Learnt {
  const index = tf.tensor1d(
    own.images.map((image) => images.indexOf(image)),
    'int32',
  );
  const mixed = mixInputs(decoder, () => tf.gather(features, index), own, 0.5, 9);
  const rows = perCaption(tf.gather(features, index), mixed);
  return {
    ...decoder.lossAndGradients(rows, mixed, { training: true, seed: 4 }),
    tokens: own.tokens,
    images: own.images.length,
    reward: 2,
  };
}

describe('the shares of a batch', () => {
  it.each([2, 3, 4, 7])('hold all of it, for %i processes', (size) => {
    const shares = Array.from({ length: size }, (_, rank) => shareOf(batch, { rank, size }));
    const rowsOf = (share: typeof batch) =>
      [...share.lengths.keys()].map((row) => ({
        image: share.images[share.imageOfRow[row]],
        inputs: [...share.inputs.subarray(row * share.steps, row * share.steps + share.lengths[row])],
        targets: [...share.targets.subarray(row * share.steps, row * share.steps + share.lengths[row])],
        key: share.keys?.[row] ?? row,
      }));
    const all = shares.flatMap((share) => (share ? rowsOf(share) : []));
    expect(all.sort((a, b) => a.key - b.key)).toEqual(rowsOf(batch));
    expect(shares.filter((share) => share === null)).toHaveLength(Math.max(0, size - images.length));
    for (const share of shares) {
      if (!share) continue;
      expect(share.whole).toEqual({ size: batch.size, tokens: batch.tokens });
      expect([...share.lengths]).toEqual([...share.lengths].sort((a, b) => b - a));
    }
    expect(shareOf(batch, { rank: 0, size: 1 })).toBe(batch);
  });

  it.each([2, 3, 7])('have the gradients of the whole, from %i processes', (size) => {
    const expected = learn(batch);
    const shares = Array.from({ length: size }, (_, rank) => shareOf(batch, { rank, size }));
    const learnt = shares.map((share) => share && learn(share));
    // What each process would hand in, call by call; the first call says how many tokens there are.
    const handed: Float32Array[][] = [];
    const handIn = (own: Learnt | null, facts: Float32Array | null) => {
      const calls: Float32Array[] = [];
      const world = {
        ...{ rank: 0, size },
        sum(values: Float32Array) {
          calls.push(values.slice());
          if (facts && calls.length === 1) values.set(facts);
        },
      } as World;
      const copy = own && {
        ...own,
        loss: tf.clone(own.loss),
        gradients: new Map([...own.gradients].map(([name, gradient]) => [name, tf.clone(gradient)])),
      };
      meanOverAll(world, decoder.variables(), copy);
      return calls;
    };
    const facts = learnt
      .map((own) => handIn(own, null)[0])
      .reduce((sum, values) => sum.map((value, i) => value + values[i]));
    for (const own of learnt) handed.push(handIn(own, facts));
    let call = 0;
    const world = {
      ...{ rank: 0, size },
      sum(values: Float32Array) {
        for (const [rank, calls] of handed.entries()) {
          if (rank > 0) calls[call].forEach((value, i) => (values[i] += value));
        }
        call++;
      },
    } as World;
    const mean = meanOverAll(world, decoder.variables(), learnt[0]);
    expect(mean.tokens).toBe(batch.tokens);
    expect(mean.reward).toBeCloseTo(2, 6);
    expect(mean.loss.dataSync()[0]).toBeCloseTo(expected.loss.dataSync()[0], 5);
    for (const [name, gradient] of expected.gradients) {
      const wanted = [...gradient.dataSync()];
      const scale = Math.max(1e-3, ...wanted.map(Math.abs));
      const found = mean.gradients.get(name)!.dataSync();
      wanted.forEach((value, i) => expect(Math.abs(found[i] - value) / scale).toBeLessThan(1e-5));
    }
  });
});
