import { describe, expect, it } from 'vitest';
import { ciderD, DocumentFrequencies } from './index.js';

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
const many = (texts: string[][]) => texts.map((captions) => captions.map(words));

describe('CIDEr-D', () => {
  it('is 10 times the mean over n of the cosine, by hand', () => {
    // Two images; every word but "a" is in one of them: idf log 2, "a" has idf 0.
    const references = many([['a dog'], ['a cat']]);
    // unigrams {a: 0, dog: log 2} and the bigram agree: cosine 1 and 1; there is no trigram: 10 (1 + 1 + 0 + 0) / 4
    expect(ciderD([words('a dog'), words('a cat')], references).perImage).toEqual([5, 5]);
    // "dog" alone: its unigrams agree, no bigrams; one bigram shorter: exp(-1 / 72)
    const [short] = ciderD([words('dog'), words('a cat')], references).perImage;
    expect(short).toBeCloseTo(2.5 * Math.exp(-1 / 72), 12);
  });

  it('clips what a hypothesis repeats', () => {
    const references = many([['dog'], ['cat']]);
    const [once, twice] = [['dog'], ['dog', 'dog']].map(
      (tokens) => ciderD([tokens, ['cat']], references).perImage[0],
    );
    expect(once).toBeCloseTo(2.5, 12);
    // The cosine of (2) and (1), clipped to min(2, 1) 1 / (2 1), and one bigram longer.
    expect(twice).toBeCloseTo((2.5 / 2) * Math.exp(-1 / 72), 12);
  });

  it('counts a reference as often as it is given', () => {
    const frequencies = new DocumentFrequencies(many([['a dog runs'], ['a cat sits'], ['two birds']]));
    const score = (captions: string[]) =>
      ciderD([words('a dog sits')], many([captions]), { frequencies }).score;
    expect(score(['a dog runs', 'a dog runs', 'a cat sits'])).toBeCloseTo(
      (2 * score(['a dog runs']) + score(['a cat sits'])) / 3,
      12,
    );
  });

  it('gives nothing to an empty hypothesis, an empty reference or one image alone', () => {
    expect(ciderD([[], ['cat']], many([['dog'], ['cat']])).perImage[0]).toBe(0);
    expect(ciderD([['dog'], ['cat']], many([[''], ['cat']])).perImage[0]).toBe(0);
    expect(ciderD([['dog']], many([['dog']])).score).toBe(0);
  });

  it('scores one image by the frequencies of others', () => {
    const frequencies = new DocumentFrequencies(many([['a dog'], ['a cat']]));
    expect(ciderD([words('a dog')], many([['a dog']]), { frequencies }).score).toBe(5);
    // An n-gram that no reference holds is as rare as one that a single image holds.
    expect(frequencies.inverse(1_000_000)).toBe(Math.log(2));
  });

  it('takes words of any kind', () => {
    const references = [[['собака', 'бежит']], [['犬', '走る']], [['a b', 'c']]];
    expect(
      ciderD(
        [
          ['собака', 'бежит'],
          ['犬', '走る'],
          ['a', 'b c'],
        ],
        references,
      ).perImage,
    ).toEqual([5, 5, 0]);
  });

  it('scores a sample by the mean of its images', () => {
    const scored = ciderD(['a dog', 'cat'].map(words), many([['a dog'], ['a cat']]));
    expect(scored.scoreOf([0, 0, 1])).toBeCloseTo((2 * scored.perImage[0] + scored.perImage[1]) / 3, 12);
  });

  it('names the image that has no reference', () => {
    expect(() => ciderD([['a'], ['b']], [[['a']], []], { names: ['one.jpg', 'two.jpg'] })).toThrow(
      /two\.jpg has none/,
    );
  });
});
