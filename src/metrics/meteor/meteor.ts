/**
 * METEOR 1.5 (Denkowski and Lavie 2014) for English, as pycocoevalcap runs it: normalised text, exact, stem, synonym and
 * paraphrase matches, parameters of the ranking task. A set's score comes from the sums of its images' statistics.
 */
import { checkInput, type Tokens } from '../input.js';
import type { Scored } from '../scored.js';
import { align, prepareText, type AlignedText, type Lexicon, type Match } from './align.js';
import { hasMeteorData, meteorDataDirectory, readMeteorData } from './data.js';
import { normalize, type Prefixes } from './normalize.js';
import { Paraphrases } from './paraphrases.js';
import { Synonyms } from './synonyms.js';

/** Weight of recall against precision; exponent and weight of fragmentation; weight of content against function words. */
const ALPHA = 0.85;
const BETA = 0.2;
const GAMMA = 0.6;
const DELTA = 0.75;
/** Worth of a matched word, by matcher: exact, stem, synonym, paraphrase. */
const MATCHER_WEIGHTS = [1, 0.6, 0.8, 0.6];

const MATCHERS = MATCHER_WEIGHTS.length;

/** What sums are made of; words of the hypothesis and the reference, matches by matcher. */
interface Statistics {
  length: number;
  referenceLength: number;
  functionWords: number;
  referenceFunctionWords: number;
  content: number[];
  referenceContent: number[];
  function: number[];
  referenceFunction: number[];
  chunks: number;
}

export class Meteor {
  private constructor(
    private readonly lexicon: Lexicon,
    private readonly functionWords: ReadonlySet<string>,
    private readonly prefixes: Prefixes,
  ) {}

  /**
   * @param directory what `showtell setup --meteor` wrote
   * @throws UserError for a directory that holds no data of METEOR, or damaged data
   */
  static async load(directory: string): Promise<Meteor> {
    const { functionWords, prefixes, synsets, exceptions, paraphrases } = await readMeteorData(directory);
    const lexicon = {
      synonyms: new Synonyms(synsets, exceptions),
      paraphrases: new Paraphrases(paraphrases),
    };
    return new Meteor(lexicon, functionWords, prefixes);
  }

  /**
   * @param hypotheses one tokenised caption for each image
   * @param references one or more tokenised captions for each image
   * @param names of the images, for error messages; default: their numbers
   * @returns scores in 0..1; an image's is that with its best reference
   * @throws UserError for an image without a reference
   */
  score(
    hypotheses: readonly Tokens[],
    references: readonly (readonly Tokens[])[],
    names?: readonly string[],
  ): Scored {
    checkInput('METEOR', hypotheses, references, names);
    const images = hypotheses.map((hypothesis, i) => this.image(hypothesis, references[i]));
    const scoreOf = (sample: ArrayLike<number>) => {
      const sum = empty();
      for (let i = 0; i < sample.length; i++) add(sum, images[sample[i]].statistics);
      return scoreFrom(sum);
    };
    return { score: scoreOf(images.map((_, i) => i)), perImage: images.map(({ score }) => score), scoreOf };
  }

  /** With the reference that gives the highest score, the first of equal ones. */
  private image(
    hypothesis: Tokens,
    references: readonly Tokens[],
  ): { score: number; statistics: Statistics } {
    const text = this.prepare(hypothesis);
    let best: { score: number; statistics: Statistics } | undefined;
    for (const reference of references) {
      const other = this.prepare(reference);
      const statistics = this.statistics(text, other, align(text, other, this.lexicon));
      const score = scoreFrom(statistics);
      if (!best || score > best.score) best = { score, statistics };
    }
    return best!;
  }

  private prepare(tokens: Tokens): AlignedText {
    return prepareText(normalize(tokens.join(' '), this.prefixes), this.lexicon);
  }

  private statistics(hypothesis: AlignedText, reference: AlignedText, matches: Match[]): Statistics {
    const isFunction = (word: string) => this.functionWords.has(word);
    const result: Statistics = {
      ...empty(),
      length: hypothesis.words.length,
      referenceLength: reference.words.length,
      functionWords: hypothesis.words.filter(isFunction).length,
      referenceFunctionWords: reference.words.filter(isFunction).length,
      chunks: countChunks(matches),
    };
    for (const { matcher, start, length, hypothesisStart, hypothesisLength } of matches) {
      for (const word of hypothesis.words.slice(hypothesisStart, hypothesisStart + hypothesisLength)) {
        (isFunction(word) ? result.function : result.content)[matcher]++;
      }
      for (const word of reference.words.slice(start, start + length)) {
        (isFunction(word) ? result.referenceFunction : result.referenceContent)[matcher]++;
      }
    }
    return result;
  }
}

/** Runs of matches that follow each other in both texts. @param matches by their place in the reference */
function countChunks(matches: Match[]): number {
  return matches.filter((match, i) => {
    const before = matches[i - 1];
    return !(
      before &&
      before.start + before.length === match.start &&
      before.hypothesisStart + before.hypothesisLength === match.hypothesisStart
    );
  }).length;
}

function empty(): Statistics {
  const zeros = () => new Array<number>(MATCHERS).fill(0);
  return {
    length: 0,
    referenceLength: 0,
    functionWords: 0,
    referenceFunctionWords: 0,
    content: zeros(),
    referenceContent: zeros(),
    function: zeros(),
    referenceFunction: zeros(),
    chunks: 0,
  };
}

function add(sum: Statistics, one: Statistics): void {
  sum.length += one.length;
  sum.referenceLength += one.referenceLength;
  sum.functionWords += one.functionWords;
  sum.referenceFunctionWords += one.referenceFunctionWords;
  for (let i = 0; i < MATCHERS; i++) {
    sum.content[i] += one.content[i];
    sum.referenceContent[i] += one.referenceContent[i];
    sum.function[i] += one.function[i];
    sum.referenceFunction[i] += one.referenceFunction[i];
  }
  // A caption that equals its reference is not broken into chunks.
  if (!isPerfect(one)) sum.chunks += one.chunks;
}

const total = (counts: number[]) => counts.reduce((a, b) => a + b, 0);
const matchedWords = (s: Statistics) => total(s.content) + total(s.function);
const matchedReference = (s: Statistics) => total(s.referenceContent) + total(s.referenceFunction);

function isPerfect(s: Statistics): boolean {
  return matchedWords(s) === s.length && matchedReference(s) === s.referenceLength && s.chunks === 1;
}

function scoreFrom(s: Statistics): number {
  const weighted = (content: number[], functions: number[]) =>
    MATCHER_WEIGHTS.reduce(
      (sum, weight, i) => sum + weight * (DELTA * content[i] + (1 - DELTA) * functions[i]),
      0,
    );
  const length = (words: number, functions: number) => DELTA * (words - functions) + (1 - DELTA) * functions;
  const precision = weighted(s.content, s.function) / length(s.length, s.functionWords);
  const recall =
    weighted(s.referenceContent, s.referenceFunction) / length(s.referenceLength, s.referenceFunctionWords);
  const mean = 1 / ((1 - ALPHA) / precision + ALPHA / recall);
  const fragmentation = isPerfect(s) ? 0 : s.chunks / ((matchedWords(s) + matchedReference(s)) / 2);
  const score = mean * (1 - GAMMA * fragmentation ** BETA);
  return Number.isNaN(score) ? 0 : Math.max(0, score);
}

/** METEOR, where its data is in the cache directory. */
export async function loadMeteor(cacheDirectory: string): Promise<Meteor | undefined> {
  const directory = meteorDataDirectory(cacheDirectory);
  return hasMeteorData(directory) ? Meteor.load(directory) : undefined;
}
