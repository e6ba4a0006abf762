/** Two evaluations of the same images beside each other: is the difference more than luck, and where does it lie? */
import { UserError } from '../core/index.js';
import type { Meteor } from '../metrics/index.js';
import {
  defaultBootstrap,
  drawSamples,
  percentileInterval,
  pValue,
  type BootstrapSettings,
  type Interval,
} from './bootstrap.js';
import { readHypotheses, readJson } from './caption-files.js';
import { isEvaluationFile, parseEvaluation, type Evaluation } from './evaluation.js';
import { scoreFiles, some } from './score-files.js';
import { measure, type Measured, type MetricName } from './score.js';
import type { CaptionStatistics } from './statistics.js';

export interface MetricComparison {
  a: number;
  b: number;
  /** b - a */
  difference: number;
  /** 95 % bootstrap interval of the difference, the same samples of images for both */
  interval: Interval;
  /** two-sided, see `pValue` */
  p: number;
}

export interface ComparedImage {
  image: string;
  a: string;
  b: string;
  references: string[];
  /** score of b's caption less that of a's, in the metric that images are sorted by */
  change: number;
  scores: { a: Partial<Record<MetricName, number>>; b: Partial<Record<MetricName, number>> };
}

export interface Comparison {
  a: Evaluation;
  b: Evaluation;
  names: { a: string; b: string };
  metrics: Partial<Record<MetricName, MetricComparison>>;
  statistics: { a: CaptionStatistics; b: CaptionStatistics };
  /** what images are sorted by */
  by: MetricName;
  /** images whose captions differ, from the greatest gain of b to its greatest loss */
  images: ComparedImage[];
  /** images whose captions are the same words */
  same: number;
  bootstrap: BootstrapSettings;
}

export interface CompareOptions {
  names?: { a: string; b: string };
  bootstrap?: Partial<BootstrapSettings>;
  /** Metric that images are sorted by; CIDEr-D by default. */
  by?: MetricName;
  meteor?: Meteor;
}

/**
 * An evaluation that `evaluate --out` wrote; COCO results are scored now, with `references`.
 * @throws UserError for a file that is neither, or results without references
 */
export async function readEvaluation(file: string, references?: string): Promise<Evaluation> {
  const json = await readJson(file, 'evaluation');
  if (isEvaluationFile(json)) return parseEvaluation(json, file);
  if (references === undefined) {
    await readHypotheses(file);
    throw new UserError(`${file} holds captions without references.`, {
      hint: 'Name the references with --references FILE, or compare files that `showtell evaluate --out FILE` wrote.',
    });
  }
  return scoreFiles({ references, hypotheses: file, bootstrap: { samples: 1 } });
}

/**
 * Both are scored again from their captions, with the tokenizer of `a`.
 * @throws UserError when they are not of the same images, references and tokenizer
 */
export function compare(a: Evaluation, b: Evaluation, options: CompareOptions = {}): Comparison {
  const { by = 'CIDEr-D', names = { a: 'A', b: 'B' }, meteor } = options;
  const other = aligned(a, b, names);
  const bootstrap = { ...defaultBootstrap, ...options.bootstrap };
  const { tokenizer } = a.protocol;
  const first = measure(a.captions, { tokenizer, meteor });
  const second = measure(other, { tokenizer, meteor });
  if (!first.metrics.has(by)) {
    throw new UserError(`images cannot be sorted by ${by}: it was not computed.`, {
      hint:
        by === 'METEOR'
          ? '`showtell setup --meteor` fetches its data.'
          : `One of ${[...first.metrics.keys()].join(', ')}.`,
    });
  }
  const images = a.captions.map(({ image, caption, references }, i): ComparedImage => ({
    image,
    a: caption,
    b: other[i].caption,
    references,
    change: second.metrics.get(by)!.perImage[i] - first.metrics.get(by)!.perImage[i],
    scores: { a: scoresOf(first, i), b: scoresOf(second, i) },
  }));
  const sameWords = (_: unknown, i: number) =>
    first.hypotheses[i].join(' ') === second.hypotheses[i].join(' ');
  const different = images.filter((image, i) => !sameWords(image, i));
  return {
    a,
    b,
    names,
    metrics: pairedBootstrap(first, second, bootstrap),
    statistics: { a: first.statistics, b: second.statistics },
    by,
    images: different.sort((x, y) => y.change - x.change),
    same: images.length - different.length,
    bootstrap,
  };
}

/** The captions of b in the order of a. */
function aligned(a: Evaluation, b: Evaluation, names: { a: string; b: string }): Evaluation['captions'] {
  if (a.protocol.tokenizer !== b.protocol.tokenizer) {
    throw new UserError(
      `the tokenizers differ: ${names.a} was scored with "${a.protocol.tokenizer}", ${names.b} with "${b.protocol.tokenizer}".`,
      { hint: 'Evaluate both with the same --tokenizer.' },
    );
  }
  const others = new Map(b.captions.map((caption) => [caption.image, caption]));
  const missing = a.captions.filter(({ image }) => !others.has(image)).map(({ image }) => image);
  const more = new Set(a.captions.map(({ image }) => image));
  const extra = b.captions.filter(({ image }) => !more.has(image)).map(({ image }) => image);
  if (missing.length > 0 || extra.length > 0) {
    const parts = [
      ...(missing.length > 0 ? [`${missing.length} only in ${names.a} (${some(missing)})`] : []),
      ...(extra.length > 0 ? [`${extra.length} only in ${names.b} (${some(extra)})`] : []),
    ];
    throw new UserError(`the images differ: ${parts.join(', ')}.`, {
      hint: 'Only evaluations of the same images can be compared.',
    });
  }
  return a.captions.map(({ image, references }) => {
    const caption = others.get(image)!;
    if ([...references].sort().join('\n') !== [...caption.references].sort().join('\n')) {
      throw new UserError(`the references of ${image} differ between ${names.a} and ${names.b}.`, {
        hint: 'Only scores against the same references can be compared.',
      });
    }
    return { ...caption, references };
  });
}

function scoresOf({ metrics }: Measured, image: number): Partial<Record<MetricName, number>> {
  return Object.fromEntries([...metrics].map(([name, { perImage }]) => [name, perImage[image]]));
}

/** Koehn 2004: both systems on the same samples of images. */
function pairedBootstrap(a: Measured, b: Measured, bootstrap: BootstrapSettings): Comparison['metrics'] {
  const images = a.hypotheses.length;
  const differences = new Map([...a.metrics.keys()].map((name) => [name, [] as number[]]));
  for (const sample of drawSamples(images, bootstrap)) {
    for (const [name, scored] of a.metrics) {
      differences.get(name)!.push(b.metrics.get(name)!.scoreOf(sample) - scored.scoreOf(sample));
    }
  }
  return Object.fromEntries(
    [...a.metrics].map(([name, { score }]) => {
      const other = b.metrics.get(name)!.score;
      const values = differences.get(name)!;
      const comparison: MetricComparison = {
        a: score,
        b: other,
        difference: other - score,
        interval: percentileInterval(values),
        p: pValue(values),
      };
      return [name, comparison];
    }),
  );
}
