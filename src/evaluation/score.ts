/** Captions and references to scores with intervals: the same tokenizer for both, the same samples for all metrics. */
import type { TokenizerName } from '../config/index.js';
import { tokenize } from '../data/index.js';
import {
  bleu,
  ciderD,
  ptbTokenize,
  rougeL,
  type Meteor,
  type Scored,
  type Tokens,
} from '../metrics/index.js';
import { drawSamples, percentileInterval, type BootstrapSettings, type Interval } from './bootstrap.js';
import { captionStatistics, type CaptionStatistics } from './statistics.js';

/** In the order of a table. */
export const metricNames = ['BLEU-1', 'BLEU-2', 'BLEU-3', 'BLEU-4', 'METEOR', 'ROUGE-L', 'CIDEr-D'] as const;
export type MetricName = (typeof metricNames)[number];

/** `ptb` is the tokenizer of published scores; the others are a data set's own. */
export type ScoringTokenizer = 'ptb' | TokenizerName;
export const scoringTokenizers: readonly ScoringTokenizer[] = ['ptb', 'letters', 'treebank', 'words'];

export interface ScoredImage {
  image: string;
  /** Text of the hypothesis; a model's words joined by spaces are tokenised again, as published scores are. */
  caption: string;
  references: readonly string[];
  /** Whether the caption reached its end, where that is known. */
  finished?: boolean;
}

export interface Score {
  /** of the whole set; as the reference tools give it, in 0..1, CIDEr-D in 0..10 */
  score: number;
  /** 95 % bootstrap interval over the images */
  interval: Interval;
}

/** A metric that was not computed is not there. */
export type Scores = Partial<Record<MetricName, Score>>;

export interface CaptionScores {
  scores: Scores;
  statistics: CaptionStatistics;
  /** of each image, in the order given */
  perImage: Partial<Record<MetricName, number>>[];
}

/** Everything that is scored of a set, before intervals. */
export interface Measured {
  metrics: Map<MetricName, Scored>;
  statistics: CaptionStatistics;
  /** tokens of each hypothesis */
  hypotheses: Tokens[];
}

export function tokenizerOf(name: ScoringTokenizer): (text: string) => string[] {
  return name === 'ptb' ? ptbTokenize : (text) => tokenize(text, name);
}

/** @throws UserError for no image, or an image without reference */
export function measure(
  images: readonly ScoredImage[],
  options: { tokenizer: ScoringTokenizer; meteor?: Meteor },
): Measured {
  const tokens = tokenizerOf(options.tokenizer);
  const hypotheses = images.map(({ caption }) => tokens(caption));
  const references = images.map((image) => image.references.map(tokens));
  const names = images.map(({ image }) => image);
  const metrics = new Map<MetricName, Scored>();
  const bleuResult = bleu(hypotheses, references, names);
  bleuResult.bleu.forEach((score, n) => {
    metrics.set(`BLEU-${n + 1}` as MetricName, {
      score,
      perImage: bleuResult.perImage.map((scores) => scores[n]),
      scoreOf: (sample) => bleuResult.scoreOf(sample)[n],
    });
  });
  if (options.meteor) metrics.set('METEOR', options.meteor.score(hypotheses, references, names));
  metrics.set('ROUGE-L', rougeL(hypotheses, references, names));
  metrics.set('CIDEr-D', ciderD(hypotheses, references, { names }));
  const finished = images.map((image) => image.finished);
  const unfinished = finished.includes(undefined) ? null : finished.map((one) => !one);
  const statistics = captionStatistics(hypotheses, references, bleuResult.lengthRatio, unfinished);
  return { metrics, statistics, hypotheses };
}

/** Scores, intervals and statistics of a set of captions. */
export function scoreCaptions(
  images: readonly ScoredImage[],
  options: { tokenizer: ScoringTokenizer; meteor?: Meteor; bootstrap: BootstrapSettings },
): CaptionScores {
  return withIntervals(measure(images, options), options.bootstrap);
}

export function withIntervals(
  { metrics, statistics }: Measured,
  bootstrap: BootstrapSettings,
): CaptionScores {
  const images = metrics.values().next().value!.perImage.length;
  const sampled = new Map([...metrics.keys()].map((name) => [name, [] as number[]]));
  for (const sample of drawSamples(images, bootstrap)) {
    for (const [name, { scoreOf }] of metrics) sampled.get(name)!.push(scoreOf(sample));
  }
  const named = <T>(value: (name: MetricName, scored: Scored) => T) =>
    Object.fromEntries([...metrics].map(([name, scored]) => [name, value(name, scored)])) as Partial<
      Record<MetricName, T>
    >;
  return {
    scores: named((name, { score }) => ({ score, interval: percentileInterval(sampled.get(name)!) })),
    statistics,
    perImage: Array.from({ length: images }, (_, i) => named((_name, { perImage }) => perImage[i])),
  };
}
