/**
 * Greedy search: the likeliest word at each step. The only thing read back in a step is one word id for each row;
 * log-probabilities and attention stay on the device until the end.
 */
import { tf } from '../backend/index.js';
import { BOS, EOS } from '../data/index.js';
import type { Decoder } from '../models/index.js';
import type { DecodedCaption, SearchSettings } from './decode.js';
import { replaceState, tidied } from './state.js';

export function greedySearch(
  decoder: Decoder,
  features: tf.Tensor,
  settings: SearchSettings,
): DecodedCaption[][] {
  const count = features.shape[0];
  const captions = Array.from({ length: count }, (): DecodedCaption => ({
    ids: [],
    logProbability: 0,
    finished: false,
  }));
  const gains: Kept[] = [];
  const attentions: Kept[] = [];

  let images = captions.map((_, i) => i); // the image of each row
  let open = new Set(images);
  let state = tidied(() => decoder.start(features));
  let words = tf.fill([count], BOS, 'int32') as tf.Tensor1D; // (R)
  for (let step = 0; step <= settings.maxWords; step++) {
    const next = tidied(() => {
      const { state: after, logits, attention } = decoder.step(state, words); // logits (R, V)
      const allowed = tf.add(logits, settings.mask); // (R, V)
      const gain = tf.sub(tf.max(allowed, 1), tf.logSumExp(logits, 1)); // (R)
      return {
        after,
        chosen: tf.argMax<tf.Tensor1D>(allowed, 1),
        gain,
        attention: settings.attention ? attention : undefined,
      };
    });
    state = replaceState(state, next.after);
    words.dispose();
    words = next.chosen;
    gains.push({ images, tensor: next.gain });
    if (next.attention) attentions.push({ images, tensor: next.attention });

    const chosen = words.dataSync();
    images.forEach((image, row) => {
      if (!open.has(image)) return;
      if (chosen[row] === EOS) {
        captions[image].finished = true;
        open.delete(image);
      } else if (step < settings.maxWords) {
        captions[image].ids.push(chosen[row]);
      }
    });
    if (open.size === 0) break;

    // Once half of the rows are finished, going on without them costs less than they do.
    if (open.size <= images.length / 2 && step < settings.maxWords) {
      const rows = images.flatMap((image, row) => (open.has(image) ? [row] : []));
      images = rows.map((row) => images[row]);
      open = new Set(images);
      const kept = tidied(() => {
        const index = tf.tensor1d(rows, 'int32');
        return { state: decoder.select(state, index), words: tf.gather(words, index) };
      });
      state = replaceState(state, kept.state);
      words.dispose();
      words = kept.words;
    }
  }
  readBack(captions, gains, attentions);
  return captions.map((caption) => [caption]);
}

/** One step's tensor, a row for each of `images`. */
interface Kept {
  images: number[];
  tensor: tf.Tensor;
}

/** Adds up log-probabilities, and hands out attention, as far as each caption went. */
function readBack(captions: DecodedCaption[], gains: Kept[], attentions: Kept[]): void {
  const values = tf.concat1d(gains.map(({ tensor }) => tensor as tf.Tensor1D)).dataSync();
  let offset = 0;
  gains.forEach(({ images }, step) => {
    images.forEach((image, row) => {
      const { ids, finished } = captions[image];
      if (step < ids.length + (finished ? 1 : 0)) captions[image].logProbability += values[offset + row];
    });
    offset += images.length;
  });
  attentions.forEach(({ images, tensor }, step) => {
    const weights = tensor.dataSync() as Float32Array;
    const places = weights.length / images.length;
    images.forEach((image, row) => {
      if (step >= captions[image].ids.length) return;
      (captions[image].attention ??= []).push(weights.slice(row * places, (row + 1) * places));
    });
  });
}
