/** Words as a sentence for people, as the original project's notebooks print captions. */

/** Punctuation and clitics that the Treebank tokenizer cut off, and that stand next to the word before. */
const attached = / (n't|'(?:s|re|ve|ll|d|m)|[.,;:!?)\]}%])(?= |$)/g;

/**
 * The first word capitalised; a caption that did not reach its end closes with "...". The empty word, which the
 * original project's vocabulary holds, leaves no trace.
 */
export function sentence(words: readonly string[], finished: boolean): string {
  const text = words
    .filter((word) => word !== '')
    .join(' ')
    .replace(attached, '$1');
  const [first = ''] = text;
  return first.toUpperCase() + text.slice(first.length) + (finished ? '' : '...');
}
