/** How scores and statistics are put to people, in the terminal and on pages. */
import type { Evaluation } from './evaluation.js';
import { metricNames, type MetricName, type ScoringTokenizer } from './score.js';
import type { CaptionStatistics } from './statistics.js';

/** Scores are shown times 100, as papers print them. */
export const asPercent = (score: number) => (100 * score).toFixed(2);

export const tokenizerWording: Record<ScoringTokenizer, string> = {
  ptb: 'ptb (Penn Treebank of CoreNLP, as published scores)',
  letters: 'letters (a to z alone)',
  treebank: 'treebank',
  words: 'words',
};

const share = (value: number) => `${(100 * value).toFixed(1)} %`;

/** Label and value of each statistic. */
export function statisticsRows(statistics: CaptionStatistics): [string, string][] {
  const { meanWords, minWords, maxWords, lengthRatio, unfinished } = statistics;
  return [
    [
      'length',
      `${meanWords.toFixed(1)} words (${minWords} to ${maxWords}), ${lengthRatio.toFixed(3)} of the references`,
    ],
    ['unfinished', unfinished === null ? 'not known' : share(unfinished)],
    ['empty', share(statistics.empty)],
    ['with <unk>', share(statistics.unknown)],
    ['a word twice in a row', share(statistics.doubledWord)],
    ['a bigram, trigram twice', `${share(statistics.repeatedBigram)}, ${share(statistics.repeatedTrigram)}`],
    [
      'dangling ending',
      `${share(statistics.dangling)} (references: ${share(statistics.danglingReferences)})`,
    ],
    ['distinct captions', share(statistics.distinctCaptions)],
    ['distinct-1, -2', `${statistics.distinct1.toFixed(3)}, ${statistics.distinct2.toFixed(3)}`],
    ['different words', String(statistics.vocabularyUsed)],
  ];
}

/** The protocol in words. */
export function protocolRows({ protocol, coverage }: Evaluation): [string, string][] {
  const { model, files, images, references, tokenizer, bootstrap } = protocol;
  const counts = `${images} images, ${references} references`;
  const rows: [string, string][] = [];
  if (model) {
    rows.push(['checkpoint', `${model.checkpoint} (SHA-256 ${model.sha256.slice(0, 12)})`]);
    rows.push(['split', `${model.split}, ${counts}`]);
    if (model.unreadable > 0) rows.push(['left out', `${model.unreadable} unreadable images`]);
    rows.push(['decoding', model.decoding]);
  }
  if (files) {
    rows.push(['references', `${files.references}, ${counts}`], ['hypotheses', files.hypotheses]);
    if (files.uncaptioned > 0) {
      rows.push([
        'left out',
        `${files.uncaptioned} images without a caption: not comparable with other scores`,
      ]);
    }
  }
  rows.push(['tokenizer', tokenizerWording[tokenizer]]);
  if (coverage) {
    rows.push([
      'vocabulary',
      `holds ${share(coverage.tokens)} of the references' words, ${share(coverage.types)} of the different ones`,
    ]);
  }
  rows.push([
    'intervals',
    `95 %, bootstrap of ${bootstrap.samples} samples of the images, seed ${bootstrap.seed}`,
  ]);
  return rows;
}

/** The evaluation as lines of a terminal. */
export function evaluationLines(evaluation: Evaluation): string[] {
  const { scores, statistics, novelty } = evaluation;
  const scoreRows = metricNames.flatMap((name): [string, string][] => {
    const found = scores[name];
    if (!found) return [[name, missingMetric(name)]];
    const [low, high] = found.interval.map(asPercent);
    return [[name, `${asPercent(found.score).padStart(6)}   ${low} to ${high}`]];
  });
  const rows = [
    ...protocolRows(evaluation),
    ['', ''] as [string, string],
    ...scoreRows,
    ['', ''] as [string, string],
    ...statisticsRows(statistics),
    ...(novelty
      ? [
          [
            'new to training',
            `${share(novelty.captions)} of captions, ${share(novelty.fourGrams)} of 4-grams`,
          ] as [string, string],
        ]
      : []),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => (name === '' ? '' : `${name.padEnd(width)}  ${value}`));
}

/** Why a metric is not there. */
export function missingMetric(name: MetricName): string {
  return name === 'METEOR' ? 'not computed: `showtell setup --meteor` fetches its data' : 'not computed';
}
