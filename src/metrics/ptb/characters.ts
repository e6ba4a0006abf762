/**
 * What the tokenizer of CoreNLP 3.4.1 takes each character for, found by giving it every character of the Basic
 * Multilingual Plane. Its Unicode is of 2010: letters that came later are dropped, and so is everything beyond that plane.
 */

/** A character class of ranges of hexadecimal code points. */
function characters(text: string): RegExp {
  const ranges = text
    .trim()
    .split(/\s+/)
    .map((range) => range.replace(/[0-9a-f]+/g, (code) => `\\u{${code}}`));
  return new RegExp(`[${ranges.join('')}]`, 'u');
}

/** Letters and digits that the tokenizer does not know. */
const UNKNOWN = characters(`
  37f 528-52f 560 588 5ef 860-86a 870-887 889-88f 8a1 8ad-8c9 978 980 9fc af9 c34 c5a c5c-c5d c80 cdc-cdd d04 d54-d56 d5f
  de6-def e86 e89 e8c e8e-e93 e98 ea0 ea8-ea9 eac 13f5 13f8-13fd 16f1-16f8 170d 171f 1878 191d-191e 19b0-19c0 19c8-19c9
  1b4c 1c80-1c8a 1c90-1cba 1cbd-1cbf 1cf2-1cf3 1cfa 2c2f 2c5f 312e-312f 31bb-31bf 4db6-4dbf 9fcd-9fff a698-a69d a78f
  a794-a79f a7ab-a7dc a7f1-a7f7 a8fd-a8fe a9e0-a9e4 a9e6-a9fe aa7e-aa7f ab30-ab5a ab5c-ab69 ab70-abbf`);

/** Marks that may stand in a word as letters do, but not between digits. */
const MARKS = characters(`
  2c2-2c5 2d2-2df 2e5-2eb 2ed 2ef-36f 375 378-379 384-385 3f6 483-487 55a-55f 591-5bd 5bf 5c1-5c2 5c4-5c5 5c7 615-61a
  64b-65e 670 6d6-6e4 6e7-6ed 6fd-6fe 70f 711 730-74c 7a6-7b0 7eb-7f3 900-903 93c 93e-94e 951-955 962-963 981-983 9bc
  9be-9c4 9c7-9c8 9cb-9cd 9d7 9e2-9e3 a01-a03 a3c a3e-a4f a81-a83 abc abe-acf b82 bbe-bc2 bc6-bc8 bca-bcd c01-c03 c3e-c56
  d3e-d44 d46-d48 e31 e34-e3a e47-e4e eb1 eb4-ebc ec8-ecd`);

/** Characters that are a token each. */
const SIGNS = characters(`
  a1 a5-a9 ac ae-b4 b6-b9 bf d7 f7 37e 387 589 5be 5c0 5c3 5c6 5f3-5f4 600-603 606-60c 614 61b 61e-61f 66a 66d 6d4
  700-70d 7f6-7f8 964-965 e3f e4f 1fbd 2016-2017 201a 201e-2023 2030-2038 203b 203e-2042 2044 2070 2074-207e 2080-208e
  20a4 2100-2101 2103-2106 2108-2109 2114 2116-2118 211e-2123 2125 2127 2129 212e 213a-213b 2140-2144 214a-214d 214f
  2155-215e 2190-2bff 3001-3002 3012 30fb ff01-ff0f ff1a-ff20 ff3b-ff40 ff5b-ff65 ffe0-ffe1 ffe5-ffe6`);

/** What a character beyond ASCII stands for in a shape. */
export const LETTER = '\u0001';
export const DIGIT = '\u0002';
export const MARK = '\u0003';
export const SIGN = '\u0004';
const NOTHING = '\u0005';

/** Characters that the rules name themselves, and what they are the same as. */
const SAME: Record<string, string> = {
  '\u0080': '¤',
  '\u0091': '‘',
  '\u0092': '’',
  '\u0093': '“',
  '\u0094': '”',
  '\u0096': '–',
  '\u0097': '–',
  '\u00a0': ' ',
  '\u2014': '–',
  '\u2015': '–',
  '\u20a0': '¤',
  '\u20ac': '¤',
};
const ITSELF =
  /[¢£¤¼½¾⅓⅔⁄–…‘’‚‛“”„‟‹›«»\u00ad\u066b\u066c\u00b2\u00b3\u00b9\u2070\u2074-\u207b\u2080-\u208b]/;
const SPACE = /[\t\u2000-\u200a\u3000]/;

function standIn(character: string): string {
  const same = SAME[character];
  if (same !== undefined) return same;
  if (ITSELF.test(character)) return character;
  if (SPACE.test(character)) return '\t';
  if (character.length > 1 || UNKNOWN.test(character)) return NOTHING.repeat(character.length);
  if (/[\p{L}\u1885\u1886]/u.test(character)) return LETTER;
  if (/\p{Nd}/u.test(character)) return DIGIT;
  if (MARKS.test(character)) return MARK;
  return SIGNS.test(character) ? SIGN : NOTHING;
}

/**
 * A text of the same length in which every character beyond ASCII is replaced by its class: what the rules match.
 */
export function shapeOf(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, standIn);
}
