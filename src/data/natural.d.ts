/** The submodules of `natural` used here; its own declarations cover only the root, which has side effects. */
declare module 'natural/lib/natural/tokenizers/treebank_word_tokenizer.js' {
  export default class TreebankWordTokenizer {
    tokenize(text: string): string[];
  }
}

declare module 'natural/lib/natural/tokenizers/regexp_tokenizer.js' {
  export class RegexpTokenizer {
    /** With `gaps` the pattern matches what lies between tokens, else the tokens themselves. */
    constructor(options: { pattern: RegExp; gaps: boolean });
    /** null when `gaps` is false and nothing matches */
    tokenize(text: string): string[] | null;
  }
}
