import { describe, expect, it } from 'vitest';
import { bleu } from './index.js';

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');

describe('BLEU', () => {
  it("gives Papineni's worked example: clipping counts 'the' twice", () => {
    const result = bleu(
      [words('the the the the the the the')],
      [[words('the cat is on the mat'), words('there is a cat on the mat')]],
    );
    expect(result.bleu[0]).toBeCloseTo(2 / 7, 8); // the guards move the ninth digit
    expect(result.bleu[1]).toBeLessThan(1e-7);
  });

  it('takes the closest reference length, the shorter of two equally near ones', () => {
    const result = bleu([words('a b c')], [[words('a b c d'), words('a b'), words('a b c d e f')]]);
    expect(result.referenceLength).toBe(2);
    expect(result.brevityPenalty).toBe(1);
  });

  it('punishes short hypotheses by exp(1 - r/c)', () => {
    const result = bleu([words('a dog')], [[words('a dog runs now')]]);
    expect(result.brevityPenalty).toBeCloseTo(Math.exp(-1), 8);
    expect(result.bleu[0]).toBeCloseTo(Math.exp(-1), 8);
    expect(result.lengthRatio).toBeCloseTo(0.5, 8);
  });

  it('survives an empty hypothesis', () => {
    const result = bleu([[]], [[words('a dog')]]);
    expect(result.bleu).toEqual([0, 0, 0, 0]);
  });

  it('scores a sample by the counts of its images', () => {
    const hypotheses = ['a dog runs', 'a red square', 'the cat'].map(words);
    const references = [['a dog runs fast'], ['a blue square', 'a red circle'], ['the cat sat']].map((r) =>
      r.map(words),
    );
    const result = bleu(hypotheses, references);
    const sample = [2, 0, 2];
    const expected = bleu(
      sample.map((i) => hypotheses[i]),
      sample.map((i) => references[i]),
    );
    expect(result.scoreOf(sample)).toEqual(expected.bleu);
    expect(result.scoreOf([0, 1, 2])).toEqual(result.bleu);
  });

  it('does not take words apart or together', () => {
    expect(bleu([['a b', 'c']], [[['a', 'b c']]]).bleu[1]).toBeLessThan(1e-7);
  });

  it('names the image that has no reference', () => {
    expect(() => bleu([['a'], ['b']], [[['a']], []], ['one.jpg', 'two.jpg'])).toThrow(/two\.jpg has none/);
    expect(() => bleu([['a']], [])).toThrow(/1 hypotheses and references of 0 images/);
    expect(() => bleu([], [])).toThrow(/no image/);
  });
});
