/** What scores do not say of captions: how long, how repetitive, how finished, how new they are. */
import type { Tokens } from '../metrics/index.js';

/** Of a set of captions. Shares are in 0..1. */
export interface CaptionStatistics {
  /** words of a caption, as the tokenizer of the evaluation counts them */
  meanWords: number;
  minWords: number;
  maxWords: number;
  /** words over words of the closest references, as BLEU's brevity penalty takes them */
  lengthRatio: number;
  /** share of captions that did not reach their end; null where nobody knows */
  unfinished: number | null;
  /** share of captions without a word */
  empty: number;
  /** share of captions that hold `<unk>` */
  unknown: number;
  /** share of captions with a word twice in a row */
  doubledWord: number;
  /** share of captions in which two words, or three, stand twice in the same order */
  repeatedBigram: number;
  repeatedTrigram: number;
  /** share of captions that end in a word that needs another: see {@link DANGLING} */
  dangling: number;
  /** the same share among the references: what people do */
  danglingReferences: number;
  /** share of captions that no image before had */
  distinctCaptions: number;
  /** different words, and pairs of words, over all of them (distinct-1 and -2, Li et al. 2016) */
  distinct1: number;
  distinct2: number;
  /** different words that are used */
  vocabularyUsed: number;
}

/** What captions have to do with those that the model learnt from. */
export interface Novelty {
  /** share of captions that no training image has, as the evaluation's tokenizer sees them */
  captions: number;
  /** share of 4-grams that no training caption has */
  fourGrams: number;
}

/** What the model could have said of the references at all. */
export interface VocabularyCoverage {
  /** share of the references' words, repeats counted, that are in the model's vocabulary, as its own tokenizer sees them */
  tokens: number;
  /** share of their different words */
  types: number;
}

/**
 * English words that leave a caption unfinished when it ends in them: articles, possessives, conjunctions, auxiliary verbs
 * and the prepositions that no verb takes along ("a boy climbs up" ends well, "a boy with" does not).
 */
export const DANGLING: ReadonlySet<string> = new Set(
  (
    'a an the this that these those his her its their my your our some each every no ' +
    'and or but nor as than because if while when where which who whose that ' +
    'is are was were be being been am has have had does do did will would can could should may might must ' +
    'of with without at from into onto to for by in on upon between among against during toward towards near beside behind'
  ).split(' '),
);

/**
 * @param captions tokens of each caption
 * @param references tokens of the references of each
 * @param unfinished of each caption; null where it is not known
 */
export function captionStatistics(
  captions: readonly Tokens[],
  references: readonly (readonly Tokens[])[],
  lengthRatio: number,
  unfinished: readonly boolean[] | null,
): CaptionStatistics {
  const share = (is: (caption: Tokens) => boolean) => shareOf(captions, is);
  const lengths = captions.map(({ length }) => length);
  const words = captions.flat();
  const pairs = captions.flatMap((caption) => ngrams(caption, 2));
  const vocabulary = new Set(words);
  return {
    meanWords: words.length / captions.length,
    minWords: Math.min(...lengths),
    maxWords: Math.max(...lengths),
    lengthRatio,
    unfinished: unfinished && unfinished.filter(Boolean).length / captions.length,
    empty: share(({ length }) => length === 0),
    unknown: share((caption) => caption.includes('<unk>')),
    doubledWord: share((caption) => caption.some((word, i) => i > 0 && word === caption[i - 1])),
    repeatedBigram: share((caption) => hasRepeat(ngrams(caption, 2))),
    repeatedTrigram: share((caption) => hasRepeat(ngrams(caption, 3))),
    dangling: share(isDangling),
    danglingReferences: shareOf(references.flat(), isDangling),
    distinctCaptions: new Set(captions.map((caption) => caption.join(' '))).size / captions.length,
    distinct1: vocabulary.size / Math.max(1, words.length),
    distinct2: new Set(pairs).size / Math.max(1, pairs.length),
    vocabularyUsed: vocabulary.size,
  };
}

/** @param training tokens of the training captions, by the tokenizer of `captions` */
export function novelty(captions: readonly Tokens[], training: Iterable<Tokens>): Novelty {
  const known = new Set<string>();
  const knownFourGrams = new Set<string>();
  for (const caption of training) {
    known.add(caption.join(' '));
    for (const ngram of ngrams(caption, 4)) knownFourGrams.add(ngram);
  }
  return {
    captions: shareOf(captions, (caption) => !known.has(caption.join(' '))),
    fourGrams: shareOf(
      captions.flatMap((caption) => ngrams(caption, 4)),
      (ngram) => !knownFourGrams.has(ngram),
    ),
  };
}

/** @param references tokens of all references, by the model's tokenizer */
export function coverage(references: Iterable<Tokens>, knows: (word: string) => boolean): VocabularyCoverage {
  const words = [...references].flat();
  return { tokens: shareOf(words, knows), types: shareOf([...new Set(words)], knows) };
}

const isDangling = (caption: Tokens) => caption.length > 0 && DANGLING.has(caption.at(-1)!);

function ngrams(caption: Tokens, n: number): string[] {
  return caption.slice(n - 1).map((_, i) => caption.slice(i, i + n).join(' '));
}

const hasRepeat = (items: readonly string[]) => new Set(items).size < items.length;

/** 0 of nothing. */
function shareOf<T>(items: readonly T[], is: (item: T) => boolean): number {
  return items.length === 0 ? 0 : items.filter(is).length / items.length;
}
