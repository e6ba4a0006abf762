/**
 * Decoding that takes one word after another and never goes back: greedy search and sampling. The only thing read back
 * in a step is one word id for each row; log-probabilities and attention stay on the device until the end.
 */
import { tf } from '../../backend/index.js';
import { BOS, EOS, PAD } from '../../data/index.js';
import type { Decoder } from '../../models/index.js';
import type { Choice, StepLogits } from './continuations.js';
import type { DecodedCaption, SearchRequest } from './decode.js';
import { applyRules } from './rules.js';
import { replaceState, tidied, worthLeaving } from './state.js';

/**
 * @param copies captions of each image
 * @param choose the next word of each row; `rows` are the captions' numbers: image x copies + copy
 * @returns the captions of each image, in the order of their copies
 */
export function rollOut(
  decoder: Decoder,
  features: tf.Tensor,
  { search, rules, attention, onWords }: SearchRequest,
  copies: number,
  choose: (step: StepLogits, rows: number[]) => Choice,
): DecodedCaption[][] {
  const count = features.shape[0];
  const captions = Array.from({ length: count * copies }, (): Draft => ({
    ids: [],
    logProbability: 0,
    finished: false,
    open: true,
  }));
  const gains: Kept[] = [];
  const attentions: Kept[] = [];

  let rows = captions.map((_, i) => i); // the caption of each row
  let state = tidied(() => decoder.start(features));
  if (copies > 1) {
    const images = rows.map((row) => Math.floor(row / copies));
    state = replaceState(
      state,
      tidied(() => decoder.select(state, tf.tensor1d(images, 'int32'))),
    );
  }
  let words = tf.fill([rows.length], BOS, 'int32') as tf.Tensor1D; // (R)
  for (let step = 0; step <= search.maxWords; step++) {
    const next = tidied(() => {
      const { state: after, logits, attention: weights } = decoder.step(state, words); // logits (R, V)
      const said = rows.map((row) => (captions[row].open ? captions[row].ids : undefined));
      const chosen = choose({ logits, allowed: applyRules(rules, logits, step, said) }, rows);
      return { after, ...chosen, attention: attention ? weights : undefined };
    });
    state = replaceState(state, next.after);
    words.dispose();
    words = next.words;
    gains.push({ rows, tensor: next.gain });
    if (next.attention) attentions.push({ rows, tensor: next.attention });

    const ids = words.dataSync();
    rows.forEach((row, i) => {
      const caption = captions[row];
      if (!caption.open) return;
      if (ids[i] === EOS) caption.finished = true;
      // `<pad>` is what is left where the rules allow nothing.
      if (ids[i] === EOS || ids[i] === PAD) caption.open = false;
      else if (step < search.maxWords) {
        caption.ids.push(ids[i]);
        if (row % copies === 0) onWords?.(row / copies, caption.ids);
      }
    });
    if (step === search.maxWords || !captions.some(({ open }) => open)) break;

    const all = rows.length / copies;
    const open = Array.from({ length: all }, (_, i) => i).filter((i) =>
      rows.slice(i * copies, (i + 1) * copies).some((row) => captions[row].open),
    );
    if (worthLeaving(open.length, all)) {
      const kept = open.flatMap((i) => Array.from({ length: copies }, (_, copy) => i * copies + copy));
      const smaller = tidied(() => {
        const index = tf.tensor1d(kept, 'int32');
        return {
          state: decoder.select(state, index, tf.tensor1d(open, 'int32')),
          words: tf.gather(words, index),
        };
      });
      rows = kept.map((i) => rows[i]);
      state = replaceState(state, smaller.state);
      words.dispose();
      words = smaller.words;
    }
  }
  const done = readBack(captions, gains, attentions);
  return Array.from({ length: count }, (_, i) => done.slice(i * copies, (i + 1) * copies));
}

type Draft = Omit<DecodedCaption, 'score' | 'attention'> & { open: boolean };

/** One step's tensor, and the caption of each of its rows. */
interface Kept {
  rows: number[];
  tensor: tf.Tensor;
}

/** Adds up log-probabilities, and hands out attention, as far as each caption went. */
function readBack(drafts: Draft[], gains: Kept[], attentions: Kept[]): DecodedCaption[] {
  const values = tf.concat1d(gains.map(({ tensor }) => tensor as tf.Tensor1D)).dataSync();
  let offset = 0;
  gains.forEach(({ rows }, step) => {
    rows.forEach((row, i) => {
      const { ids, finished } = drafts[row];
      if (step < ids.length + (finished ? 1 : 0)) drafts[row].logProbability += values[offset + i];
    });
    offset += rows.length;
  });
  const captions = drafts.map(({ ids, logProbability, finished }): DecodedCaption => ({
    ids,
    logProbability,
    score: logProbability,
    finished,
    ...(attentions.length > 0 && { attention: [] }),
  }));
  attentions.forEach(({ rows, tensor }, step) => {
    const weights = tensor.dataSync() as Float32Array;
    const places = weights.length / rows.length;
    rows.forEach((row, i) => {
      if (step >= captions[row].ids.length) return;
      captions[row].attention!.push(weights.slice(i * places, (i + 1) * places));
    });
  });
  return captions;
}
