import { describe, expect, it } from 'vitest';
import { BOS, EOS, PAD, UNK, Vocabulary } from './vocabulary.js';

const captions = ['b a a', 'a c b', 'c a rare', 'constructor __proto__ constructor __proto__'].map((line) =>
  line.split(' '),
);

describe('Vocabulary', () => {
  const vocabulary = Vocabulary.build(captions, { minCount: 2, maxSize: null });

  it('holds the special words, then words by falling count, ties by word', () => {
    expect(vocabulary.words).toEqual([
      '<pad>',
      '<unk>',
      '<eos>',
      '<bos>',
      'a',
      '__proto__',
      'b',
      'c',
      'constructor',
    ]);
    expect([PAD, UNK, EOS, BOS].map((id) => vocabulary.wordOf(id))).toEqual(vocabulary.words.slice(0, 4));
    expect(vocabulary.size).toBe(9);
  });

  it('turns words into ids and back; unknown words become <unk>, never vanish', () => {
    expect(vocabulary.encode(['c', 'rare', 'toString', 'a'])).toEqual([7, UNK, UNK, 4]);
    expect([4, 8].map((id) => vocabulary.wordOf(id))).toEqual(['a', 'constructor']);
    expect(() => vocabulary.wordOf(9)).toThrow(/word id 9: the vocabulary holds 0\.\.8/);
  });

  it('takes a token that is spelt like a special word for an unknown word', () => {
    const odd = Vocabulary.build([['<eos>', '<eos>', 'a']], { minCount: 1, maxSize: null });
    expect(odd.size).toBe(5);
    expect(odd.encode(['<eos>', 'a'])).toEqual([UNK, 4]);
  });

  it('keeps the most frequent words within a size limit', () => {
    const small = Vocabulary.build(captions, { minCount: 2, maxSize: 6 });
    expect(small.words.slice(4)).toEqual(['a', '__proto__']);
  });

  it('knows its coverage', () => {
    expect(vocabulary.coverage(captions)).toBeCloseTo(12 / 13, 12);
    expect(vocabulary.coverage([])).toBe(1);
  });

  it('refuses to be empty', () => {
    expect(() => Vocabulary.build(captions, { minCount: 9, maxSize: null })).toThrow(
      /of 6 different words none/,
    );
    expect(() => Vocabulary.build(captions, { minCount: 1, maxSize: 4 })).toThrow(/text\.maxSize 4/);
  });

  it('survives JSON', () => {
    const copy = Vocabulary.fromJSON(JSON.parse(JSON.stringify(vocabulary)));
    expect(copy.words).toEqual(vocabulary.words);
    expect(copy.idOf('c')).toBe(7);
  });

  it("may hold the empty word, as the original project's does", () => {
    const words = [...vocabulary.words, ''];
    const copy = Vocabulary.fromJSON(JSON.parse(JSON.stringify(Vocabulary.fromWords(words))));
    expect(copy.words).toEqual(words);
    expect(copy.wordOf(9)).toBe('');
  });

  const good = JSON.parse(JSON.stringify(vocabulary));
  it.each([
    [null, /no object/],
    [['a'], /format is undefined/],
    [{ ...good, version: 2 }, /version is 2, this program reads 1/],
    [{ ...good, words: 'abc' }, /no list/],
    [{ ...good, words: [...good.words, 3] }, /no list/],
    [{ ...good, words: ['a', 'b', 'c', 'd', 'e'] }, /does not begin with <pad> <unk> <eos> <bos>/],
    [{ ...good, words: [...good.words, 'b'] }, /the word "b" occurs twice/],
  ])('refuses other JSON (%#)', (json, message) => {
    expect(() => Vocabulary.fromJSON(json)).toThrow(message);
  });
});
