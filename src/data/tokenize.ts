/**
 * Text to tokens, with the tokenizers of `natural` (submodules only: its root has side effects). All of them
 * lower-case.
 */
import { RegexpTokenizer } from 'natural/lib/natural/tokenizers/regexp_tokenizer.js';
import TreebankWordTokenizer from 'natural/lib/natural/tokenizers/treebank_word_tokenizer.js';
import type { TokenizerName } from '../config/index.js';

const whitespace = new RegexpTokenizer({ pattern: /\s+/u, gaps: true });

/** The original project's rule: what is left of each word when everything outside a-z is removed. */
function letters(text: string): string[] {
  return (whitespace.tokenize(text.toLowerCase()) ?? [])
    .map((word) => word.replace(/[^a-z]/g, ''))
    .filter((word) => word !== '');
}

const penn = new TreebankWordTokenizer();

/** Penn Treebank rules: punctuation is tokens, clitics stand apart ("does n't"). For English: splits at accents. */
function treebank(text: string): string[] {
  return penn.tokenize(text.toLowerCase());
}

// Letters, marks and digits; inside a word also an apostrophe or a zero-width joiner (Persian, Indic scripts).
const wordPattern = /[\p{L}\p{M}\p{N}]+(?:['\u200c\u200d][\p{L}\p{M}\p{N}]+)*/gu;
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const anyScript = new RegexpTokenizer({ pattern: wordPattern, gaps: false });
let segmenter: Intl.Segmenter | undefined;

/** Words of any script. Scripts written without spaces are cut by the dictionaries of ICU. */
function words(text: string): string[] {
  const tokens = anyScript.tokenize(text.toLowerCase().normalize('NFC').replaceAll('’', "'")) ?? [];
  return tokens.flatMap((token) => {
    if (!unspaced.test(token)) return [token];
    segmenter ??= new Intl.Segmenter('und', { granularity: 'word' });
    return Array.from(segmenter.segment(token), ({ segment }) => segment);
  });
}

export const tokenizers: Record<TokenizerName, (text: string) => string[]> = { letters, treebank, words };

export function tokenize(text: string, tokenizer: TokenizerName): string[] {
  return tokenizers[tokenizer](text);
}
