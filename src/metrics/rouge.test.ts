import { describe, expect, it } from 'vitest';
import { rougeL } from './index.js';

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
const score = (hypothesis: string, ...references: string[]) =>
  rougeL([words(hypothesis)], [references.map(words)]).score;
/** The F measure with beta 1.2. */
const f = (precision: number, recall: number) => (2.44 * precision * recall) / (recall + 1.44 * precision);

describe('ROUGE-L', () => {
  it("follows Lin's example: police killed the gunman", () => {
    const reference = 'police killed the gunman';
    expect(score('police kill the gunman', reference)).toBeCloseTo(f(3 / 4, 3 / 4), 12);
    expect(score('the gunman kill police', reference)).toBeCloseTo(f(2 / 4, 2 / 4), 12);
  });

  it('takes the best precision and the best recall from different references', () => {
    // Against "a": precision 1/3, recall 1. Against "a b c d e f": precision 1, recall 1/2.
    expect(score('a b c', 'a', 'a b c d e f')).toBeCloseTo(f(1, 1), 12);
  });

  it('is the same for a reference given twice', () => {
    expect(score('a dog', 'a dog runs', 'a dog runs')).toBe(score('a dog', 'a dog runs'));
  });

  it('treats an empty text as one empty word, as the reference tool does', () => {
    expect(score('', 'a dog')).toBe(0);
    expect(score('a dog', '')).toBe(0);
    expect(score('', '')).toBe(1);
  });

  it('scores a sample by the mean of its images', () => {
    const scored = rougeL([['a'], ['b']], [[['a']], [['c']]]);
    expect(scored.scoreOf([0, 0, 0, 1])).toBe(0.75);
  });

  it('takes words of any script', () => expect(score('собака бежит', 'собака бежит')).toBe(1));
});
