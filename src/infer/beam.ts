/**
 * Beam search with exact log-probabilities. In each step the device picks the best 2k continuations of all k
 * hypotheses of an image, so that k of them go on whatever ends; only those (score, index) pairs are read back.
 * A hypothesis that ends among the best k is set aside with its score. Because log-probabilities only fall, an
 * image is done when nothing that is still open can overtake its finished captions.
 */
import { tf } from '../backend/index.js';
import { BOS, EOS } from '../data/index.js';
import type { Decoder } from '../models/index.js';
import type { DecodedCaption, SearchSettings } from './decode.js';
import { replaceState, tidied } from './state.js';

interface Hypothesis {
  ids: number[];
  /** The row that made the word, for each step: where its attention is found. */
  trail: number[];
  score: number;
}

interface Search {
  image: number;
  /** Best first; the hypothesis at place j has the j-th row of its image. */
  open: Hypothesis[];
  finished: Hypothesis[];
}

export function beamSearch(
  decoder: Decoder,
  features: tf.Tensor,
  settings: SearchSettings,
): DecodedCaption[][] {
  const { beam, maxWords } = settings;
  const searches = Array.from({ length: features.shape[0] }, (_, image): Search => {
    return { image, open: [{ ids: [], trail: [], score: 0 }], finished: [] };
  });
  const attentions: tf.Tensor[] = []; // of each step: (rows, P)

  let active = searches;
  let width = 1; // rows of each image
  let state = tidied(() => decoder.start(features));
  for (let step = 0; step <= maxWords; step++) {
    const slots = active.flatMap(({ open }) => Array.from({ length: width }, (_, j) => open.at(j)));
    const next = tidied(() => {
      const words = tf.tensor1d(
        slots.map((slot) => slot?.ids.at(-1) ?? BOS),
        'int32',
      ); // (N*k)
      const scores = tf.tensor1d(slots.map((slot) => slot?.score ?? -Infinity)); // (N*k)
      const { state: after, logits, attention } = decoder.step(state, words); // logits (N*k, V)
      const vocabularySize = decoder.vocabularySize;
      const base = tf.sub(scores, tf.logSumExp(logits, 1)); // (N*k)
      const totals = tf.add(tf.add(logits, settings.mask), tf.expandDims(base, 1)); // (N*k, V)
      const flat = tf.reshape(totals, [active.length, width * vocabularySize]); // (N, k*V)
      const best = tf.topk(flat, Math.min(2 * beam, width * vocabularySize)); // (N, 2k)
      return {
        after,
        values: best.values,
        indices: best.indices,
        attention: settings.attention ? attention : undefined,
      };
    });
    state = replaceState(state, next.after);
    if (next.attention) attentions.push(next.attention);
    const values = next.values.dataSync();
    const indices = next.indices.dataSync();
    tf.dispose([next.values, next.indices]);

    const perImage = values.length / active.length;
    const sources: number[][] = active.map((search, i) =>
      extend(search, settings, {
        firstRow: i * width,
        vocabularySize: decoder.vocabularySize,
        values: values.subarray(i * perImage, (i + 1) * perImage) as Float32Array,
        indices: indices.subarray(i * perImage, (i + 1) * perImage) as Int32Array,
        last: step === maxWords,
      }),
    );
    const remaining = active.flatMap((search, i) => (isDone(search, settings) ? [] : [i]));
    if (remaining.length === 0 || step === maxWords) break;

    // A place without a hypothesis repeats some row; its score of -infinity keeps it out.
    const rows = remaining.flatMap((i) =>
      Array.from({ length: beam }, (_, j) => sources[i].at(j) ?? i * width),
    );
    const chosen = tidied(() => decoder.select(state, tf.tensor1d(rows, 'int32')));
    state = replaceState(state, chosen);
    active = remaining.map((i) => active[i]);
    width = beam;
  }
  const weights = attentions.map((tensor) => tensor.dataSync() as Float32Array);
  return searches.map((search) => captionsOf(search, settings, weights, features.shape[1] ?? 0));
}

/** The best continuations of one image, as the device found them. */
interface Candidates {
  firstRow: number;
  vocabularySize: number;
  values: Float32Array;
  /** hypothesis * V + word */
  indices: Int32Array;
  /** Whether only an end counts in this step. */
  last: boolean;
}

/** Moves one image's search on by a word; gives the row that each open hypothesis came from. */
function extend(search: Search, { beam }: SearchSettings, candidates: Candidates): number[] {
  const open: Hypothesis[] = [];
  const sources: number[] = [];
  candidates.indices.forEach((index, rank) => {
    const score = candidates.values[rank];
    if (score === -Infinity) return;
    const word = index % candidates.vocabularySize;
    const place = Math.floor(index / candidates.vocabularySize);
    const { ids, trail } = search.open[place];
    if (word === EOS) {
      if (rank < beam) search.finished.push({ ids, trail, score });
    } else if (open.length < beam) {
      const row = candidates.firstRow + place;
      open.push({ ids: [...ids, word], trail: [...trail, row], score });
      sources.push(row);
    }
  });
  search.finished.sort((a, b) => b.score - a.score);
  if (!candidates.last) search.open = open;
  return sources;
}

function isDone({ open, finished }: Search, { captions }: SearchSettings): boolean {
  return open.length === 0 || (finished.length >= captions && finished[captions - 1].score >= open[0].score);
}

/** The finished captions, best first; if none ended, the open ones. */
function captionsOf(
  { open, finished }: Search,
  { captions, attention }: SearchSettings,
  weights: Float32Array[],
  places: number,
): DecodedCaption[] {
  const ended = finished.length > 0;
  return (ended ? finished : open).slice(0, captions).map(({ ids, trail, score }) => ({
    ids,
    logProbability: score,
    finished: ended,
    ...(attention && weights.length > 0
      ? { attention: trail.map((row, step) => weights[step].slice(row * places, (row + 1) * places)) }
      : {}),
  }));
}
