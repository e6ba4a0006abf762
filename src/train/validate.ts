/** Free-running greedy captions of the validation split and their corpus BLEU. */
import type { Config } from '../config/index.js';
import type { Log } from '../core/index.js';
import { tokenize } from '../data/index.js';
import { captionFeatures } from '../infer/index.js';
import { bleu } from '../metrics/index.js';
import type { TrainingData } from './data.js';
import type { EpochEntry } from './journal.js';

/** Captions that the journal keeps. */
const SAMPLES = 5;

export async function validate(
  config: Config,
  data: TrainingData,
  epoch: number,
  log: Log,
): Promise<Pick<EpochEntry, 'validation' | 'samples'>> {
  const { batchSize, maxWords, maxImages } = config.validation;
  const split = data.validation.slice(0, maxImages ?? undefined);
  const { decoder, vocabulary } = data;
  const captions = await captionFeatures(
    decoder,
    vocabulary,
    data.sources.validation(epoch),
    split.map(({ image }) => image),
    { batchSize, maxWords, log },
  );
  const result = bleu(
    captions.map(({ words }) => words),
    split.map((image) => image.captions.map((caption) => tokenize(caption, config.text.tokenizer))),
  );
  return {
    validation: { images: split.length, bleu: [...result.bleu] },
    samples: captions.slice(0, SAMPLES).map(({ text }, i) => ({ image: split[i].image, caption: text })),
  };
}
