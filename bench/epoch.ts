/** Captions/s of whole epochs by `train`, one caption of each photo: features from the store, steps, nothing left out. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { currentBackend } from '../src/backend/index.js';
import { Random, silentLog } from '../src/core/index.js';
import { specialWords } from '../src/data/index.js';
import { train } from '../src/train/index.js';
import { computedOn, peakMemory, type Measurement } from './measure.js';
import { syntheticConfig, syntheticWords, wordDrawing } from './synthetic.js';
import type { DecoderSizes } from './training.js';

export interface EpochOptions {
  /** Folder of JPEG files. */
  images: string;
  /** Files taken of it: whole batches. */
  count: number;
  sizes: DecoderSizes;
  /** Scored targets of the captions of a batch. */
  lengths: number[];
  resize: number | [number, number];
  crop: number | null;
  /** Epochs before those that count. */
  warmup: number;
  repeats: number;
}

const CAPTIONS = 5;

export async function measureEpoch(options: EpochOptions): Promise<Measurement> {
  const { sizes, lengths, count, repeats, warmup } = options;
  const folder = mkdtempSync(join(tmpdir(), 'showtell-bench-epoch-'));
  try {
    const images = readdirSync(options.images)
      .filter((name) => /\.jpe?g$/i.test(name))
      .sort()
      .slice(0, count + 1);
    if (images.length <= count) throw new Error(`${options.images} has no ${count + 1} JPEG files`);
    const at = (name: string) => join(folder, name);
    writeFileSync(at('captions.csv'), captionsOf(images, lengths, sizes.vocabulary));
    writeFileSync(at('train.txt'), images.slice(0, count).join('\n'));
    writeFileSync(at('validation.txt'), images[count]);
    const { embedding, hidden, attention, dropout } = sizes;
    const base = syntheticConfig(
      { type: 'soft-attention', embedding, hidden, attention, dropout },
      {
        images: options.images,
        image: { resize: options.resize, crop: options.crop },
        training: {
          epochs: warmup + repeats,
          batchSize: lengths.length,
          captions: 'one-per-image',
          learningRate: 1e-3,
          clipNorm: 5,
          logEvery: count / lengths.length,
          patience: null,
        },
      },
    );
    const splits = { train: at('train.txt'), validation: at('validation.txt') };
    const { entries } = await train(
      {
        ...base,
        output: at('out'),
        text: { ...base.text, minCount: 1 },
        data: { ...base.data, captions: at('captions.csv'), splits },
        encoder: { ...base.encoder, weights: 'none' },
      },
      { log: silentLog, cacheDirectory: folder },
    );
    const ends = [0, ...entries.flatMap((entry) => (entry.event === 'epoch' ? [entry.seconds] : []))];
    const values = ends.slice(1).map((end, i) => count / (end - ends[i]));
    return {
      values: values.slice(warmup),
      facts: { ...computedOn(currentBackend()), 'peak memory': peakMemory() },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Captions of the given numbers of words (and the end). So that the vocabulary is complete, every fourth word is the next one
 * of it; the others are drawn.
 */
function captionsOf(images: readonly string[], lengths: readonly number[], vocabulary: number): string {
  const words = syntheticWords(vocabulary - 4);
  const draw = wordDrawing(vocabulary, Random.from('bench/epoch'));
  let [count, next] = [0, 0];
  const word = () => (count++ % 4 === 0 ? next++ % words.length : draw() - specialWords.length);
  const lines = images.flatMap((image, i) =>
    Array.from({ length: CAPTIONS }, () => {
      const length = lengths[i % lengths.length] - 1;
      return `${image},${Array.from({ length }, () => words[word()]).join(' ')}`;
    }),
  );
  return ['image,caption', ...lines].join('\n');
}
