/**
 * The tokenizer that published captioning scores are computed with: the Penn Treebank tokenizer of CoreNLP 3.4.1, lower-cased,
 * without punctuation, as pycocoevalcap calls it.
 */
import { shapeOf } from './characters.js';
import { rules } from './rules.js';

/** What pycocoevalcap drops and the rules may give. */
const dropped = new Set(['.', '?', '!', ',', ':', '-', '--', '...', ';', "'", "''", '`', '``']);

const compiled = rules.map(({ pattern, before, tokens, anyCase }) => ({
  expression: new RegExp(`(${pattern})${before === undefined ? '' : `(?:${before})`}`, anyCase ? 'iy' : 'y'),
  tokens,
}));

/** Words that are no single token. */
const parted = new Set(['cannot', 'gonna', 'gotta', 'lemme', 'gimme', 'wanna']);
const plainWord = /[a-z]+(?=[ \n])/y;
const gap = / +/y;

/**
 * Tokens of a caption, as pycocoevalcap's `PTBTokenizer` gives them; line breaks count as spaces.
 */
export function ptbTokenize(text: string): string[] {
  const line = text.replace(/[\n\r\v\f\u0085\u2028\u2029]/g, ' ');
  const shape = `${shapeOf(line)}\n`; // rules look at what follows: here, the end of the line
  const found: string[] = [];
  let at = 0;
  while (at < line.length) {
    gap.lastIndex = at;
    if (gap.test(shape)) at = gap.lastIndex;
    plainWord.lastIndex = at;
    const plain = plainWord.exec(shape)?.[0];
    if (plain !== undefined && !parted.has(plain)) {
      found.push(plain);
      at += plain.length;
      continue;
    }
    const { length, tokens } = longestMatch(shape, at);
    for (const token of tokens ? tokens(line.slice(at, at + length)) : []) {
      // Tags, mixed fractions and telephone numbers stay one token by spaces that do not break.
      const word = token.toLowerCase().replaceAll(' ', '\u00a0');
      if (!dropped.has(word)) found.push(word);
    }
    at += length;
  }
  return found;
}

/** The longest match at a place; one character without tokens where nothing matches. */
function longestMatch(shape: string, at: number): { length: number; tokens?: (text: string) => string[] } {
  let longest = 0;
  let best: { length: number; tokens?: (text: string) => string[] } = { length: 1 };
  for (const { expression, tokens = whole } of compiled) {
    expression.lastIndex = at;
    const match = expression.exec(shape);
    if (!match || match[0].length <= longest) continue;
    longest = match[0].length;
    best = { length: match[1].length, tokens };
  }
  return best;
}

/** Soft hyphens are no part of a word. */
function whole(text: string): string[] {
  return [text.replaceAll('\u00ad', '')];
}
