import { describe, expect, it } from 'vitest';
import { tokenize } from './tokenize.js';

describe("letters: the original project's rule", () => {
  it.each([
    ['A black-and-white dog , running .', 'a blackandwhite dog running'],
    ["The man's café has 2 dogs !", 'the mans caf has dogs'],
    ['  tabs\tand\nlines  ', 'tabs and lines'],
    ['1234 . - ?', ''],
    ['', ''],
  ])('%j', (text, expected) => {
    expect(tokenize(text, 'letters').join(' ')).toBe(expected);
  });
});

describe('treebank: Penn Treebank rules, lower case', () => {
  it.each([
    ["A dog doesn't bark, it can't.", "a dog does n't bark , it ca n't ."],
    ["The man's hat (red) is on", "the man 's hat ( red ) is on"],
    ['A tri-colored dog .', 'a tri-colored dog .'],
  ])('%j', (text, expected) => {
    expect(tokenize(text, 'treebank').join(' ')).toBe(expected);
  });
});

describe('words: any script', () => {
  it.each([
    ['Un café près de l’Église !', "un café près de l'église"],
    ['Zwei Hunde über 30 Straßen.', 'zwei hunde über 30 straßen'],
    ["A man's 'red' dogs' hats", "a man's red dogs hats"],
    ['Собака бежит, по траве…', 'собака бежит по траве'],
    ['कुत्ता दौड़ रहा है', 'कुत्ता दौड़ रहा है'],
    ['كلب يجري', 'كلب يجري'],
    ['می‌دود سگ', 'می‌دود سگ'],
    ['snow-covered', 'snow covered'],
    ['🐕 !?', ''],
  ])('%j', (text, expected) => {
    expect(tokenize(text, 'words').join(' ')).toBe(expected.normalize('NFC'));
  });

  it('takes composed and decomposed spellings for one word', () => {
    expect(tokenize('cafe\u0301', 'words')).toEqual(['caf\u00e9']);
    expect(tokenize('CAFÉ', 'words')).toEqual(['caf\u00e9']);
  });

  it('cuts scripts that write no spaces', () => {
    const tokens = tokenize('一只狗在草地上奔跑。', 'words');
    expect(tokens.length).toBeGreaterThan(3);
    expect(tokens).toContain('狗');
    expect(tokens.join('')).toBe('一只狗在草地上奔跑');
  });
});
