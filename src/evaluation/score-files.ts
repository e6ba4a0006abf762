/** Scores of captions that come from a file, without a model. */
import { extname } from 'node:path';
import { UserError } from '../core/index.js';
import { imageEndings } from '../data/index.js';
import type { Meteor } from '../metrics/index.js';
import { defaultBootstrap, type BootstrapSettings } from './bootstrap.js';
import { readHypotheses, readReferences, type References } from './caption-files.js';
import type { Evaluation } from './evaluation.js';
import { scoreCaptions, type ScoringTokenizer } from './score.js';

export interface ScoreFilesOptions {
  /** references: COCO annotations, CSV with image and caption, or lines name#n<TAB>caption */
  references: string;
  /** hypotheses: COCO results, JSON lines of them, what `evaluate --out` writes, or what `caption --output` does */
  hypotheses: string;
  /** Score the images that have a caption, though others have references; default false: refuse. */
  onlyCaptioned?: boolean;
  tokenizer?: ScoringTokenizer;
  bootstrap?: Partial<BootstrapSettings>;
  meteor?: Meteor;
}

/** @throws UserError for files that cannot be read or do not fit together */
export async function scoreFiles(options: ScoreFilesOptions): Promise<Evaluation> {
  const {
    references: file,
    hypotheses: captionsFile,
    onlyCaptioned = false,
    tokenizer = 'ptb',
    meteor,
  } = options;
  const references = await readReferences(file);
  const hypotheses = await readHypotheses(captionsFile, onlyCaptioned);
  const idOf = idsOf(references);
  const strangers = hypotheses.filter(({ image }) => !references.captions.has(idOf(image) ?? ''));
  if (strangers.length > 0) {
    throw new UserError(
      `${strangers.length} of ${hypotheses.length} images of ${captionsFile} have no reference in ${file}: ${some(strangers.map(({ image }) => image))}.`,
      {
        hint: 'Images are matched by image_id, or by file_name where the references have it, with or without its ending.',
      },
    );
  }
  const captioned = new Set(hypotheses.map(({ image }) => idOf(image)));
  if (captioned.size < hypotheses.length) {
    throw new UserError(`${captionsFile} captions an image twice, once by its id and once by its file name.`);
  }
  const missing = [...references.captions.keys()].filter((id) => !captioned.has(id));
  if (missing.length > 0 && !onlyCaptioned) {
    throw new UserError(
      `${missing.length} of the ${references.captions.size} images of ${file} have no caption in ${captionsFile}: ${some(missing)}.`,
      {
        hint: 'A score of some images cannot be compared with others; --only-captioned scores them all the same, and says so.',
      },
    );
  }
  const images = hypotheses.map((hypothesis) => ({
    ...hypothesis,
    references: references.captions.get(idOf(hypothesis.image)!)!,
  }));
  const bootstrap = { ...defaultBootstrap, ...options.bootstrap };
  const { scores, statistics, perImage } = scoreCaptions(images, { tokenizer, meteor, bootstrap });
  return {
    protocol: {
      model: null,
      files: { references: file, hypotheses: captionsFile, uncaptioned: missing.length },
      images: images.length,
      references: images.reduce((sum, image) => sum + image.references.length, 0),
      tokenizer,
      bootstrap,
    },
    scores,
    statistics,
    novelty: null,
    coverage: null,
    captions: images.map((image, i) => ({ ...image, scores: perImage[i] })),
  };
}

/** Ids of the references by what captions may call an image: its id, its file name, or either without its ending. */
function idsOf({ captions, ids }: References): (image: string) => string | undefined {
  // WebDataset's keys have no ending. Names that differ in nothing else are none of an image.
  const stems = new Map<string, string | null>();
  for (const [name, id] of [...[...captions.keys()].map((id) => [id, id]), ...ids]) {
    const stem = imageEndings.includes(extname(name).toLowerCase())
      ? name.slice(0, -extname(name).length)
      : name;
    const known = stems.get(stem);
    stems.set(stem, known === undefined || known === id ? id : null);
  }
  return (image) => (captions.has(image) ? image : (ids.get(image) ?? stems.get(image) ?? undefined));
}

/** The first few of a list. */
export function some(names: readonly string[]): string {
  return names.length <= 3
    ? names.join(', ')
    : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}
