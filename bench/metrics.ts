/** Scored images/s of one metric on drawn captions, and the memory that it takes. */
import { Random } from '../src/core/index.js';
import { bleu, ciderD, ptbTokenize, rougeL } from '../src/metrics/index.js';
import { rates, type Measurement } from './measure.js';

export interface MetricsOptions {
  metric: 'tokenizer' | 'BLEU' | 'ROUGE-L' | 'CIDEr-D';
  images: number;
  /** references of each image */
  references: number;
  /** different words; drawn by Zipf's law */
  vocabulary: number;
  warmup: number;
  repeats: number;
}

export async function measureMetrics(options: MetricsOptions): Promise<Measurement> {
  const { hypotheses, references } = drawCaptions(options);
  const text = [...hypotheses, ...references.flat()].map((words) => `${words.join(' ')} .`);
  const work = {
    tokenizer: () => void text.forEach((caption) => ptbTokenize(caption)),
    BLEU: () => void bleu(hypotheses, references),
    'ROUGE-L': () => void rougeL(hypotheses, references),
    'CIDEr-D': () => void ciderD(hypotheses, references),
  }[options.metric];
  const values = await rates(options, () => {
    work();
    return options.images;
  });
  return { values, facts: { 'peak RSS in MiB': Math.round(process.resourceUsage().maxRSS / 1024) } };
}

/** Captions of 6 to 15 words. bench/peer/metrics.py draws alike, not the same. */
function drawCaptions({ images, references, vocabulary }: MetricsOptions) {
  const random = Random.from('bench/metrics');
  const word = () => `word${Math.floor(vocabulary ** random.next())}`;
  const caption = () => Array.from({ length: 6 + random.integer(10) }, word);
  return {
    hypotheses: Array.from({ length: images }, caption),
    references: Array.from({ length: images }, () => Array.from({ length: references }, caption)),
  };
}
