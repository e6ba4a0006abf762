/** Captions of many images whose features a source gives, batch by batch. */
import { setImmediate } from 'node:timers/promises';
import { silentLog, type Log } from '../core/index.js';
import type { Vocabulary } from '../data/index.js';
import type { Decoder } from '../models/index.js';
import { decode, type DecodedCaption, type DecodeOptions } from './decoding/index.js';
import type { FeatureSource } from './features.js';
import { sentence } from './sentence.js';

export interface Caption {
  /** For people: capitalised; an unfinished caption ends in "...". */
  text: string;
  /** Tokens, without the special words. */
  words: string[];
  /** Natural logarithm of the caption's probability, its end included if it is finished. */
  logProbability: number;
  /** What captions of one image are ranked by: the log-probability, over the length penalty if there is one. */
  score: number;
  /** Whether the caption reached its end within the most words allowed. */
  finished: boolean;
}

export function captionOf(
  { ids, logProbability, score, finished }: DecodedCaption,
  vocabulary: Vocabulary,
): Caption {
  const words = ids.map((id) => vocabulary.wordOf(id));
  return { text: sentence(words, finished), words, logProbability, score, finished };
}

/** The best caption of each image, in their order. */
export async function captionFeatures(
  decoder: Decoder,
  vocabulary: Vocabulary,
  source: FeatureSource,
  images: readonly string[],
  options: Omit<DecodeOptions, 'attention' | 'captions' | 'keys'> & {
    /** images decoded at a time */
    batchSize: number;
    log?: Log;
    signal?: AbortSignal;
  },
): Promise<Caption[]> {
  const { batchSize, log = silentLog, signal, ...search } = options;
  const captions: Caption[] = [];
  const progress = log.progress('captioning', images.length);
  try {
    for (let start = 0; start < images.length; start += batchSize) {
      signal?.throwIfAborted();
      const keys = images.slice(start, start + batchSize);
      const features = await source.features(keys);
      const decoded = decode(decoder, features, { ...search, keys });
      for (const [best] of decoded) captions.push(captionOf(best, vocabulary));
      features.dispose();
      progress.update(captions.length);
      // A turn of the event loop, so that Ctrl-C and the bar get their time.
      await setImmediate();
    }
  } finally {
    progress.end();
  }
  return captions;
}
