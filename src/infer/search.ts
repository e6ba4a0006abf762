/** A search for captions in words instead of ids: what people and configurations write. */
import type { TokenizerName } from '../config/index.js';
import { UserError } from '../core/index.js';
import { tokenize, UNK, type Vocabulary } from '../data/index.js';
import { describeSearch, resolveSearch, type DecodeOptions, type SearchOptions } from './decoding/index.js';

export interface CaptionSearch extends SearchOptions {
  /** Words that are never said; one that the model does not know is never said anyway. */
  bannedWords?: readonly string[];
  /** What every caption begins with; tokenised as the training captions were. */
  prefix?: string;
}

/** @throws UserError for a word of the prefix that the model does not know or may not say */
export function inVocabulary(
  { bannedWords = [], prefix = '', ...search }: CaptionSearch,
  vocabulary: Vocabulary,
  tokenizer: TokenizerName,
): DecodeOptions {
  const banned = bannedWords.map((word) => vocabulary.idOf(word)).filter((id) => id !== UNK);
  const words = tokenize(prefix, tokenizer);
  if (prefix.trim() !== '' && words.length === 0) {
    throw new UserError(`the prefix "${prefix}" holds no word, as the tokenizer "${tokenizer}" sees it.`);
  }
  const ids = words.map((word) => {
    const id = vocabulary.idOf(word);
    if (id === UNK) {
      throw new UserError(`the prefix holds "${word}", which is not in the model's vocabulary.`, {
        hint: 'Use words of the captions that the model was trained on.',
      });
    }
    if (banned.includes(id)) throw new UserError(`the prefix holds "${word}", which is banned as well.`);
    return id;
  });
  return { ...search, banned, prefix: ids };
}

/** One line for people, as in "beam 3, at most 30 words, never \"man\"". */
export function describeCaptionSearch({ bannedWords = [], prefix, ...search }: CaptionSearch): string {
  return [
    describeSearch(resolveSearch(search)),
    ...(bannedWords.length > 0 ? [`never ${bannedWords.map((word) => `"${word}"`).join(' or ')}`] : []),
    ...(prefix ? [`beginning with "${prefix}"`] : []),
  ].join(', ');
}
