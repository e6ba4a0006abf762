/** An evaluation: scores with the protocol that they belong to, and the file that holds it. */
import { UserError } from '../core/index.js';
import type { BootstrapSettings } from './bootstrap.js';
import type { MetricName, Scores, ScoringTokenizer } from './score.js';
import type { CaptionStatistics, VocabularyCoverage, Novelty } from './statistics.js';

/** What scores must be told with, to be compared. */
export interface Protocol {
  /** null: the captions came from a file */
  model: {
    /** directory of the checkpoint */
    checkpoint: string;
    /** SHA-256 of its `model.safetensors` */
    sha256: string;
    split: 'train' | 'validation' | 'test';
    /** in words, as in "beam 3, at most 30 words" */
    decoding: string;
    /** images of the split that were left out because they cannot be read */
    unreadable: number;
  } | null;
  /** null: a model captioned a split */
  files: {
    references: string;
    hypotheses: string;
    /** images with references that were left out because they have no caption */
    uncaptioned: number;
  } | null;
  images: number;
  references: number;
  /** of hypotheses and references alike */
  tokenizer: ScoringTokenizer;
  bootstrap: BootstrapSettings;
}

export interface EvaluatedCaption {
  image: string;
  /** words joined by spaces, or the text of the file */
  caption: string;
  references: string[];
  /** of this image alone */
  scores: Partial<Record<MetricName, number>>;
  /** natural logarithm of the caption's probability */
  logProbability?: number;
  finished?: boolean;
}

export interface Evaluation {
  protocol: Protocol;
  scores: Scores;
  statistics: CaptionStatistics;
  /** null where the training captions are not known */
  novelty: Novelty | null;
  /** null without a model */
  coverage: VocabularyCoverage | null;
  /** in the order of the split or the file */
  captions: EvaluatedCaption[];
}

const FORMAT = 'showtell-evaluation';
const VERSION = 1;

/** What `evaluate --out` writes; its `captions` are COCO results with more fields. */
export function formatEvaluation({ captions, ...evaluation }: Evaluation): string {
  const results = captions.map(({ image, ...rest }) => ({ image_id: image, ...rest }));
  return `${JSON.stringify({ format: FORMAT, version: VERSION, ...evaluation, captions: results }, null, 2)}\n`;
}

export function isEvaluationFile(json: unknown): json is { version: number; captions: unknown[] } {
  return typeof json === 'object' && json !== null && (json as { format?: unknown }).format === FORMAT;
}

/** @param json of a file that {@link isEvaluationFile} */
export function parseEvaluation(json: { version: number; captions: unknown[] }, file: string): Evaluation {
  if (json.version !== VERSION) {
    throw new UserError(
      `${file} is an evaluation of version ${json.version}; this showtell reads ${VERSION}.`,
      {
        hint: 'Evaluate again with this version.',
      },
    );
  }
  const { captions, ...rest } = json as unknown as Omit<Evaluation, 'captions'> & {
    captions: (Omit<EvaluatedCaption, 'image'> & { image_id: string })[];
  };
  const whole =
    rest.protocol?.images === captions?.length &&
    rest.scores !== undefined &&
    captions.every(({ references, caption }) => Array.isArray(references) && typeof caption === 'string');
  if (!whole) {
    throw new UserError(`${file} is not whole: its captions do not fit its protocol.`, {
      hint: 'Evaluate again, and leave the file as it is written.',
    });
  }
  return { ...rest, captions: captions.map(({ image_id, ...caption }) => ({ image: image_id, ...caption })) };
}
