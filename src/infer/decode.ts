/**
 * Free-running decoding: from image features to captions, greedily or by beam search, over any `Decoder`. All
 * images of a batch, and all their beams, go through the decoder together.
 *
 * A caption holds at most `maxWords` words, and one more step decides whether it ends there. It is scored by the
 * plain sum of its log-probabilities, the end included: no length penalty.
 */
import { tf } from '../backend/index.js';
import { UserError } from '../core/index.js';
import { BOS, PAD, UNK } from '../data/index.js';
import type { Decoder } from '../models/index.js';
import { beamSearch } from './beam.js';
import { greedySearch } from './greedy.js';

export interface DecodeOptions {
  /** Hypotheses kept for each image; 1 (the default) decodes greedily. */
  beam?: number;
  /** Most words of a caption, 30 by default. */
  maxWords?: number;
  /** Captions returned for each image, best first: 1 by default, at most `beam`. */
  captions?: number;
  /** Whether `<unk>` may be a word of a caption; false by default: the next likely word takes its place. */
  unknownWords?: boolean;
  /** Whether to read back the attention of each word; false by default. */
  attention?: boolean;
}

export interface DecodedCaption {
  /** Word ids, without `<bos>` and `<eos>`. */
  ids: number[];
  /** Natural logarithm of the caption's probability, its end included if it is finished. */
  logProbability: number;
  /** Whether the caption reached `<eos>`. */
  finished: boolean;
  /** For each word, the weight of each place of the feature map: P numbers that sum to 1. */
  attention?: Float32Array[];
}

/** What a search needs: the options with every choice made. */
export interface SearchSettings {
  beam: number;
  maxWords: number;
  captions: number;
  attention: boolean;
  /** Added to logits: 0, or -infinity for a word that is never said. (V) */
  mask: tf.Tensor1D;
}

const DEFAULT_MAX_WORDS = 30;

/**
 * Captions of each image, best first; every image gets at least one. Creates no tensor that outlives the call.
 * @param features (B, C), or (B, P, C) for a decoder with attention
 */
export function decode(
  decoder: Decoder,
  features: tf.Tensor,
  options: DecodeOptions = {},
): DecodedCaption[][] {
  const beam = positive('beam', options.beam ?? 1);
  const maxWords = positive('maxWords', options.maxWords ?? DEFAULT_MAX_WORDS);
  const captions = positive('captions', options.captions ?? 1);
  if (captions > beam) {
    throw new UserError(
      `captions is ${captions}, but a beam of ${beam} finds at most ${beam} for an image.`,
      {
        hint: 'Raise beam, or ask for fewer captions.',
      },
    );
  }
  if (features.shape[0] === 0) return [];
  let result: DecodedCaption[][] = [];
  tf.tidy(() => {
    const settings: SearchSettings = {
      beam,
      maxWords,
      captions,
      attention: options.attention ?? false,
      mask: silence(decoder.vocabularySize, options.unknownWords ? [PAD, BOS] : [PAD, BOS, UNK]),
    };
    result = beam === 1 ? greedySearch(decoder, features, settings) : beamSearch(decoder, features, settings);
  });
  return result;
}

function positive(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value;
  throw new UserError(`${name} is ${value}; it must be an integer of 1 or more.`);
}

function silence(vocabularySize: number, ids: number[]): tf.Tensor1D {
  const mask = new Float32Array(vocabularySize);
  for (const id of ids) mask[id] = -Infinity;
  return tf.tensor1d(mask);
}
