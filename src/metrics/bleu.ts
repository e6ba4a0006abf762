/**
 * BLEU (Papineni et al. 2002) with the arithmetic of pycocoevalcap's `BleuScorer`, whose numbers captioning papers
 * report: corpus-level and cumulative, the closest reference length of each image, and small guards instead of
 * smoothing. NLTK's BLEU differs for hypotheses that are shorter than n words.
 */
import { checkInput, type Tokens } from './input.js';

/** Longest n-gram that counts. */
const ORDER = 4;
/** pycocoevalcap's guards, added to counts and to denominators. */
const TINY = 1e-15;
const SMALL = 1e-9;

/** BLEU-1 to BLEU-4, each in 0..1. */
export type BleuScores = [number, number, number, number];

export interface BleuResult {
  /** Of the whole corpus; not the mean over images. */
  bleu: BleuScores;
  /** Of each image by itself, in the order given. */
  perImage: BleuScores[];
  /** Of a sample of the images: their numbers, which may repeat. */
  scoreOf(sample: ArrayLike<number>): BleuScores;
  /** 1 unless the hypotheses are shorter than their references. */
  brevityPenalty: number;
  /** Words of all hypotheses over words of the closest references. */
  lengthRatio: number;
  hypothesisLength: number;
  referenceLength: number;
}

/** What one image adds to the corpus: `matches[n-1]` of `guesses[n-1]` n-grams, clipped by the references. */
interface Counts {
  matches: number[];
  guesses: number[];
  hypothesisLength: number;
  referenceLength: number;
}

/**
 * @param hypotheses one tokenised caption for each image
 * @param references one or more tokenised captions for each image
 * @param names of the images, for error messages; default: their numbers
 */
export function bleu(
  hypotheses: readonly Tokens[],
  references: readonly (readonly Tokens[])[],
  names?: readonly string[],
): BleuResult {
  checkInput('BLEU', hypotheses, references, names);
  const counts = hypotheses.map((hypothesis, i) => countMatches(hypothesis, references[i]));
  const totalOf = (sample: ArrayLike<number>) => {
    const total = emptyCounts();
    for (let i = 0; i < sample.length; i++) addCounts(total, counts[sample[i]]);
    return total;
  };
  const total = totalOf(counts.map((_, i) => i));
  return {
    bleu: scores(total),
    perImage: counts.map(scores),
    scoreOf: (sample) => scores(totalOf(sample)),
    brevityPenalty: brevityPenalty(total),
    lengthRatio: lengthRatio(total),
    hypothesisLength: total.hypothesisLength,
    referenceLength: total.referenceLength,
  };
}

/** How often each n-gram of 1..4 words occurs; the key is n and the words, a line each. */
function ngramCounts(words: Tokens): Map<string, number> {
  const counts = new Map<string, number>();
  for (let n = 1; n <= ORDER; n++) {
    for (let start = 0; start + n <= words.length; start++) {
      const key = `${n}\n${words.slice(start, start + n).join('\n')}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}

function countMatches(hypothesis: Tokens, references: readonly Tokens[]): Counts {
  const most = new Map<string, number>();
  for (const reference of references) {
    for (const [ngram, count] of ngramCounts(reference))
      most.set(ngram, Math.max(most.get(ngram) ?? 0, count));
  }
  const counts = emptyCounts();
  for (const [ngram, count] of ngramCounts(hypothesis)) {
    counts.matches[Number(ngram[0]) - 1] += Math.min(most.get(ngram) ?? 0, count);
  }
  for (let n = 1; n <= ORDER; n++) counts.guesses[n - 1] = Math.max(0, hypothesis.length - n + 1);
  counts.hypothesisLength = hypothesis.length;
  counts.referenceLength = closestLength(hypothesis.length, references);
  return counts;
}

/** The length of the reference that is nearest to `length` words; of two equally near ones, the shorter. */
function closestLength(length: number, references: readonly Tokens[]): number {
  let best = references[0].length;
  for (const reference of references) {
    const nearer = Math.abs(reference.length - length) - Math.abs(best - length);
    if (nearer < 0 || (nearer === 0 && reference.length < best)) best = reference.length;
  }
  return best;
}

function emptyCounts(): Counts {
  return {
    matches: new Array<number>(ORDER).fill(0),
    guesses: new Array<number>(ORDER).fill(0),
    hypothesisLength: 0,
    referenceLength: 0,
  };
}

function addCounts(total: Counts, counts: Counts): void {
  for (let n = 0; n < ORDER; n++) {
    total.matches[n] += counts.matches[n];
    total.guesses[n] += counts.guesses[n];
  }
  total.hypothesisLength += counts.hypothesisLength;
  total.referenceLength += counts.referenceLength;
}

function lengthRatio(counts: Counts): number {
  return (counts.hypothesisLength + TINY) / (counts.referenceLength + SMALL);
}

function brevityPenalty(counts: Counts): number {
  const ratio = lengthRatio(counts);
  return ratio < 1 ? Math.exp(1 - 1 / ratio) : 1;
}

function scores(counts: Counts): BleuScores {
  const penalty = brevityPenalty(counts);
  let product = 1;
  return counts.matches.map((matches, i) => {
    product *= (matches + TINY) / (counts.guesses[i] + SMALL);
    return product ** (1 / (i + 1)) * penalty;
  }) as BleuScores;
}
