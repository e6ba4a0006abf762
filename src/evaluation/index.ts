export {
  defaultBootstrap,
  drawSamples,
  percentileInterval,
  pValue,
  type BootstrapSettings,
  type Interval,
} from './bootstrap.js';
export { readHypotheses, readReferences, type Hypothesis, type References } from './caption-files.js';
export { compare, readEvaluation, type Comparison } from './compare.js';
export { comparePage, signed } from './compare-page.js';
export {
  formatEvaluation,
  parseEvaluation,
  type EvaluatedCaption,
  type Evaluation,
  type Protocol,
} from './evaluation.js';
export {
  measure,
  metricNames,
  scoreCaptions,
  scoringTokenizers,
  tokenizerOf,
  withIntervals,
  type MetricName,
  type Score,
  type ScoredImage,
  type Scores,
  type ScoringTokenizer,
} from './score.js';
export { scoreFiles, type ScoreFilesOptions } from './score-files.js';
export {
  captionStatistics,
  coverage,
  novelty,
  type CaptionStatistics,
  type VocabularyCoverage,
  type Novelty,
} from './statistics.js';
export { thumbnails } from './thumbnails.js';
export { asPercent, evaluationLines } from './wording.js';
