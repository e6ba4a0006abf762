import { expect, it } from 'vitest';
import { inMemory } from '../../../tests/helpers.js';
import { ciderD, DocumentFrequencies } from '../../metrics/index.js';
import { shareOfRightWords } from './cross-entropy.js';
import { CiderReward } from './reward.js';

const split = (text: string) => text.split(' ');
const dataset = [
  { image: 'a', captions: ['a dog runs with a ball', 'the dog runs'] },
  { image: 'b', captions: ['two cats sit', 'cats on a mat'] },
];
const reward = new CiderReward(inMemory(dataset), split);
const of = (image: string, text: string, finished: boolean) =>
  reward.of([{ image, words: split(text), finished }])[0];

it('is CIDEr-D with the end of the caption as a word', () => {
  const references = dataset.map(({ captions }) => captions.map((text) => split(`${text} <eos>`)));
  const hypotheses = ['a dog runs', 'cats sit on a mat'].map((text) => split(`${text} <eos>`));
  const expected = ciderD(hypotheses, references).perImage;
  expect([of('a', 'a dog runs', true), of('b', 'cats sit on a mat', true)]).toEqual(expected);
});

it('gives less to a caption that breaks off', () => {
  expect(of('a', 'the dog runs', false)).toBeLessThan(of('a', 'the dog runs', true));
});

it('gives the same whatever it was asked before', () => {
  const before = of('a', 'a dog runs', true);
  for (let i = 0; i < 100; i++) of('b', `never heard of ${i}`, true);
  expect(of('a', 'a dog runs', true)).toBe(before);
});

it('counts document frequencies over some of many images, and knows the captions of all', () => {
  const more = ['c', 'd', 'e'].map((image) => ({ image, captions: [`a ${image} on the mat`] }));
  const all = [...dataset, ...more];
  const some = new CiderReward(inMemory(all), split, 2); // of every third: a and d
  const counted = [dataset[0], more[1]].map(({ captions }) => captions.map((text) => split(`${text} <eos>`)));
  const caption = 'a dog on the mat <eos>';
  for (const { image, captions } of all) {
    const references = captions.map((text) => split(`${text} <eos>`));
    const frequencies = new DocumentFrequencies(counted);
    const [expected] = ciderD([split(caption)], [references], { frequencies }).perImage;
    expect(some.of([{ image, words: split('a dog on the mat'), finished: true }])).toEqual([expected]);
  }
});

it('lets the share of right words fall', () => {
  const linear = { decay: 'linear', perEpoch: 0.1, floor: 0.75 } as const;
  expect([0, 1, 2.5, 9].map((i) => shareOfRightWords(linear, i))).toEqual([1, 0.9, 0.75, 0.75]);
  expect(shareOfRightWords({ decay: 'exponential', base: 0.9 }, 2)).toBeCloseTo(0.81, 12);
  const sigmoid = { decay: 'inverse-sigmoid', k: 4 } as const;
  expect([0, 4].map((i) => shareOfRightWords(sigmoid, i))).toEqual([4 / 5, 4 / (4 + Math.E)]);
});
