/** Words and their ids: four special words, then by falling count, ties by the word's code units. */
import { UserError } from '../core/index.js';

export const PAD = 0;
export const UNK = 1;
export const EOS = 2;
export const BOS = 3;
export const specialWords: readonly string[] = ['<pad>', '<unk>', '<eos>', '<bos>'];

const FORMAT = 'showtell-vocabulary';
const VERSION = 1;

function refuse(why: string): UserError {
  return new UserError(`Not a vocabulary: ${why}.`, {
    hint: `A vocabulary is {"format": "${FORMAT}", "version": ${VERSION}, "words": [...]}.`,
  });
}

export class Vocabulary {
  private readonly ids: Map<string, number>;

  /** @param words all words, index = id, the special ones first */
  private constructor(readonly words: readonly string[]) {
    this.ids = new Map(words.map((word, id) => [word, id]));
  }

  /**
   * @param captions tokens of the training captions
   * @param limits minCount: occurrences a word needs; maxSize: largest size with the special words, null for none
   */
  static build(
    captions: Iterable<readonly string[]>,
    limits: { minCount: number; maxSize: number | null },
  ): Vocabulary {
    const counts = new Map<string, number>();
    for (const tokens of captions) {
      for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    for (const special of specialWords) counts.delete(special);
    let kept = [...counts].filter(([, count]) => count >= limits.minCount);
    kept.sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    if (limits.maxSize !== null) kept = kept.slice(0, Math.max(0, limits.maxSize - specialWords.length));
    if (kept.length === 0) {
      throw new UserError(
        `The vocabulary would be empty: of ${counts.size} different words none is left with text.minCount ` +
          `${limits.minCount} and text.maxSize ${limits.maxSize}.`,
        {
          hint: 'Lower text.minCount, raise text.maxSize, or check the training captions and text.tokenizer.',
        },
      );
    }
    return new Vocabulary([...specialWords, ...kept.map(([word]) => word)]);
  }

  get size(): number {
    return this.words.length;
  }

  /** The word's id; UNK for a word that is not in the vocabulary. */
  idOf(word: string): number {
    return this.ids.get(word) ?? UNK;
  }

  wordOf(id: number): string {
    const word = this.words[id];
    if (word === undefined) throw new RangeError(`word id ${id}: the vocabulary holds 0..${this.size - 1}`);
    return word;
  }

  /** Ids of a caption's tokens. A token that is spelt like a special word is an unknown word. */
  encode(tokens: readonly string[]): number[] {
    return tokens.map((token) => {
      const id = this.idOf(token);
      return id < specialWords.length ? UNK : id;
    });
  }

  /** Share of the captions' tokens that the vocabulary holds; 1 when there is none. */
  coverage(captions: Iterable<readonly string[]>): number {
    let total = 0;
    let known = 0;
    for (const tokens of captions) {
      total += tokens.length;
      for (const id of this.encode(tokens)) if (id !== UNK) known++;
    }
    return total === 0 ? 1 : known / total;
  }

  toJSON(): { format: string; version: number; words: readonly string[] } {
    return { format: FORMAT, version: VERSION, words: this.words };
  }

  /** Reads what `toJSON` gave; anything else is refused. */
  static fromJSON(json: unknown): Vocabulary {
    if (typeof json !== 'object' || json === null) throw refuse('the JSON is no object');
    const { format, version, words } = json as Record<string, unknown>;
    if (format !== FORMAT) throw refuse(`format is ${JSON.stringify(format)}`);
    if (version !== VERSION) {
      throw refuse(`version is ${JSON.stringify(version)}, this program reads ${VERSION}`);
    }
    return Vocabulary.fromWords(words);
  }

  /**
   * The vocabulary of a list of words, index = id. The empty string may be one of them: the original project's
   * vocabulary has it, and its models say it.
   */
  static fromWords(words: unknown): Vocabulary {
    if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) {
      throw refuse('words is no list of strings');
    }
    if (specialWords.some((word, id) => words[id] !== word)) {
      throw refuse(`words does not begin with ${specialWords.join(' ')}`);
    }
    const seen = new Set<string>();
    for (const word of words) {
      if (seen.has(word)) throw refuse(`the word ${JSON.stringify(word)} occurs twice`);
      seen.add(word);
    }
    return new Vocabulary(words);
  }
}
