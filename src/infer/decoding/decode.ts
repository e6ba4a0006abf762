/**
 * Free-running decoding: from image features to captions, by any strategy, over any `Decoder`. All images of a batch,
 * and all their hypotheses, go through the decoder together.
 *
 * A caption holds at most `maxWords` words, and one more step decides whether it ends there. Its log-probability is the
 * model's own: rules and temperature decide what is chosen, not what it is worth.
 */
import { tf } from '../../backend/index.js';
import type { Decoder } from '../../models/index.js';
import { beamSearch } from './beam.js';
import { likeliest } from './continuations.js';
import { resolveSearch, type Search, type SearchOptions } from './options.js';
import { rollOut } from './rollout.js';
import { rulesOf, type DecodingRule } from './rules.js';
import { sampler } from './sampling.js';

export interface DecodeOptions extends SearchOptions {
  /** Ids of words that are never said. */
  banned?: readonly number[];
  /** Ids that every caption begins with. */
  prefix?: readonly number[];
  /** Further rules on what may be said next. */
  rules?: readonly DecodingRule[];
  /** Of `sample`: names of the images; an image draws the same in every batch. Default: their numbers. */
  keys?: readonly string[];
  /** Whether to read back the attention of each word; false by default. */
  attention?: boolean;
  /**
   * Told of each image that is still at work after every step: its number, and the ids of its likeliest caption so far.
   * A beam may change its mind; of several samples it is the first.
   */
  onWords?: (image: number, ids: readonly number[]) => void;
}

export interface DecodedCaption {
  /** Word ids, without `<bos>` and `<eos>`. */
  ids: number[];
  /** Natural logarithm of the caption's probability, its end included if it is finished. */
  logProbability: number;
  /** What the captions of an image are ranked by: the log-probability, over the length penalty if there is one. */
  score: number;
  /** Whether the caption reached `<eos>`. */
  finished: boolean;
  /** For each word, the weight of each place of the feature map: P numbers that sum to 1. */
  attention?: Float32Array[];
}

/** What a strategy is given. */
export interface SearchRequest {
  search: Search;
  rules: readonly DecodingRule[];
  attention: boolean;
  onWords?: DecodeOptions['onWords'];
}

/**
 * Captions of each image, finished ones first, each kind best first; every image gets at least one. If none of an image's
 * hypotheses ends, its captions are the unfinished ones. Creates no tensor that outlives the call.
 * @param features (B, C), or (B, P, C) for a decoder with attention
 * @throws UserError for options out of range or that do not fit together
 */
export function decode(
  decoder: Decoder,
  features: tf.Tensor,
  options: DecodeOptions = {},
): DecodedCaption[][] {
  const search = resolveSearch(options);
  const request: SearchRequest = {
    search,
    rules: rulesOf(search, options),
    attention: options.attention ?? false,
    onWords: options.onWords,
  };
  const count = features.shape[0];
  if (count === 0) return [];
  const keys = options.keys ?? Array.from({ length: count }, (_, i) => String(i));
  let result: DecodedCaption[][] = [];
  tf.tidy(() => {
    if (search.strategy === 'sample') {
      const samples = rollOut(decoder, features, request, search.captions, sampler(search, keys));
      result = samples.map((captions) => captions.sort(bestFirst));
    } else if (search.beam === 1) {
      result = rollOut(decoder, features, request, 1, likeliest);
    } else {
      result = beamSearch(decoder, features, request);
    }
  });
  return result;
}

/** Finished captions before unfinished ones. */
export function bestFirst(a: DecodedCaption, b: DecodedCaption): number {
  return Number(b.finished) - Number(a.finished) || b.score - a.score;
}
