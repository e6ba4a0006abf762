/** Free-running greedy captions of the validation split and their scores. */
import type { Config } from '../config/index.js';
import type { Log } from '../core/index.js';
import { tokenize } from '../data/index.js';
import { alone, type World } from '../distributed/index.js';
import { captionFeatures, type Caption } from '../infer/index.js';
import { bleu, ciderD } from '../metrics/index.js';
import type { TrainingData } from './data.js';
import type { EpochEntry, ValidationScores } from './journal.js';
import { attendSamples, type AttendedSample } from './pictures.js';

export interface Validated extends Pick<EpochEntry, 'validation' | 'samples'> {
  /** Of the first images, where the decoder has attention; decoded apart, so that no score depends on it. */
  attended: AttendedSample[];
}

/** Captions that the journal keeps. */
const SAMPLES = 5;

export async function validate(
  config: Config,
  data: TrainingData,
  epoch: number,
  log: Log,
  world: World = alone,
): Promise<Validated> {
  const { batchSize, maxWords, maxImages } = config.validation;
  const split = data.validation.slice(0, maxImages ?? undefined);
  const { decoder, vocabulary } = data;
  // Each process captions every `size`-th image, and all have the scores.
  const own = split.filter((_, i) => i % world.size === world.rank);
  const captioned = await captionFeatures(
    decoder,
    vocabulary,
    data.sources.validation(epoch),
    own.map(({ image }) => image),
    { batchSize, maxWords, log },
  );
  const shares = world
    .gather(JSON.stringify(captioned.map(({ words, text }) => ({ words, text }))))
    .map((share) => JSON.parse(share) as Pick<Caption, 'words' | 'text'>[]);
  const captions = split.map((_, i) => shares[i % world.size][Math.floor(i / world.size)]);
  const hypotheses = captions.map(({ words }) => words);
  const references = split.map((image) =>
    image.captions.map((caption) => tokenize(caption, config.text.tokenizer)),
  );
  return {
    validation: {
      images: split.length,
      bleu: [...bleu(hypotheses, references).bleu],
      ciderD: ciderD(hypotheses, references).score,
    },
    samples: captions.slice(0, SAMPLES).map(({ text }, i) => ({ image: split[i].image, caption: text })),
    attended: await attendSamples(config, data, epoch),
  };
}

/** What epochs are compared by; higher is better. */
export function scoreOf({ bleu, ciderD }: ValidationScores, { validation }: Config): number {
  // Trainings did not always have it.
  return validation.score === 'cider-d' ? ((ciderD as number | undefined) ?? -Infinity) : bleu[3];
}

/** Times 100, or `-` for a score that was not taken. */
export function percent(value: number | undefined): string {
  return value === undefined ? '-' : (100 * value).toFixed(1);
}

/** As in `BLEU-1..4 61.3 / 42.9 / 29.5 / 20.1, CIDEr-D 47.2`. */
export function describeScores({ bleu, ciderD }: ValidationScores): string {
  return `BLEU-1..4 ${bleu.map(percent).join(' / ')}, CIDEr-D ${percent(ciderD)}`;
}
