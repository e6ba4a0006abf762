import { describe, expect, it } from 'vitest';
import { readGolden } from '../../tests/helpers.js';
import { bleu } from './index.js';

interface Golden {
  references: Record<string, string[][]>;
  cases: { name: string; references: string; hypotheses: string[]; bleu: number[]; images: number[][] }[];
}

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');

describe('BLEU', () => {
  const golden = readGolden('bleu.json') as Golden;

  // The same double arithmetic in the same order: 1e-9 leaves room for the last digits of exp and pow only.
  it.each(golden.cases)(
    'equals pycocoevalcap: $name',
    ({ references, hypotheses, bleu: expected, images }) => {
      const result = bleu(
        hypotheses.map(words),
        golden.references[references].map((captions) => captions.map(words)),
      );
      for (let n = 0; n < 4; n++) {
        expect(Math.abs(result.bleu[n] - expected[n])).toBeLessThan(1e-9);
        images[n].forEach((score, i) => expect(Math.abs(result.perImage[i][n] - score)).toBeLessThan(1e-9));
      }
    },
  );

  it('covers the eight cases of the golden', () => {
    expect(golden.cases).toHaveLength(8);
  });

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

  it('does not take words apart or together', () => {
    expect(bleu([['a b', 'c']], [[['a', 'b c']]]).bleu[1]).toBeLessThan(1e-7);
  });

  it('names the image that has no reference', () => {
    expect(() => bleu([['a'], ['b']], [[['a']], []], ['one.jpg', 'two.jpg'])).toThrow(/two\.jpg has none/);
    expect(() => bleu([['a']], [])).toThrow(/1 hypotheses and references of 0 images/);
    expect(() => bleu([], [])).toThrow(/no image/);
  });
});
