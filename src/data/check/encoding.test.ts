import { expect, it } from 'vitest';
import { controlCharacter, hasReplacementCharacter, mendMojibake } from './encoding.js';

it.each([
  ['A CafÃ© at night', 'A Café at night'],
  ['she says â€œhiâ€\u009d', 'she says “hi”'],
  ['ç‹— runs', '狗 runs'],
  ['Ã¼ber und Ã\u009fÃ¤', 'über und ßä'],
])('mends %j', (damaged, text) => {
  expect(mendMojibake(damaged)).toBe(text);
});

it.each(['A dog', 'Café', 'naïve façade', 'über Öl', '“quoted” – dash…', '狗', '½ £5 ©', 'ÀÉÎ', '🐕'])(
  'leaves %j',
  (text) => {
    expect(mendMojibake(text)).toBeUndefined();
    expect(controlCharacter(text)).toBeUndefined();
    expect(hasReplacementCharacter(text)).toBe(false);
  },
);

it('damages and mends any text alike', () => {
  for (const text of ['Größe', 'señor', 'škoda žena', '犬と猫', 'Привет']) {
    // Latin-1 takes every byte, as Windows-1252 does for all but five.
    expect(mendMojibake(Buffer.from(text).toString('latin1'))).toBe(text);
  }
});

it('names control characters, and not those that part words', () => {
  expect(controlCharacter('a\u0007b')).toBe('U+0007');
  expect(controlCharacter('a\uFEFFb')).toBe('U+FEFF');
  expect(controlCharacter('a\u0085b')).toBe('U+0085');
  expect(controlCharacter('a\tb\n')).toBeUndefined();
  expect(hasReplacementCharacter('caf\uFFFD')).toBe(true);
});
