/**
 * Beam search with exact log-probabilities, in one group or in several that keep out of each other's way (diverse beam
 * search, Vijayakumar et al. 2018). In each step the device picks the best 2k continuations of a group's k hypotheses, so
 * that k of them go on whatever ends; only those (score, index) pairs are read back. A hypothesis that ends among the
 * best k is set aside. An image is done when nothing that is still open can overtake its finished captions.
 */
import { tf } from '../../backend/index.js';
import { BOS, EOS } from '../../data/index.js';
import type { Decoder } from '../../models/index.js';
import { bestContinuations, type StepLogits } from './continuations.js';
import { bestFirst, type DecodedCaption, type SearchRequest } from './decode.js';
import { bestPossibleScore, rankingScore } from './length-penalty.js';
import type { Search } from './options.js';
import { applyRules } from './rules.js';
import { replaceState, tidied, worthLeaving } from './state.js';

interface Hypothesis {
  ids: number[];
  /** The row that made the word, for each step: where its attention is found. */
  trail: number[];
  logProbability: number;
}

interface Group {
  /** Best first; the hypothesis at place j has the j-th row of its group. */
  open: Hypothesis[];
  finished: Hypothesis[];
  /** Open hypotheses at the point where the rules allowed no further word. */
  stuck: Hypothesis[];
}

interface ImageSearch {
  groups: Group[];
}

export function beamSearch(
  decoder: Decoder,
  features: tf.Tensor,
  request: SearchRequest,
): DecodedCaption[][] {
  const { search, rules } = request;
  const { beam, maxWords, groups } = search;
  const size = beam / groups; // hypotheses of a group
  const searches = Array.from({ length: features.shape[0] }, (): ImageSearch => ({
    groups: Array.from({ length: groups }, () => ({
      open: [{ ids: [], trail: [], logProbability: 0 }],
      finished: [],
      stuck: [],
    })),
  }));
  const attentions: tf.Tensor[] = []; // of each step: (rows, P)

  let active = searches;
  let state = tidied(() => decoder.start(features));
  for (let step = 0; step <= maxWords; step++) {
    const shared = step === 0; // all groups begin with one row
    const width = shared ? 1 : beam; // rows of each image
    const slots = active.flatMap((image) =>
      shared
        ? image.groups[0].open
        : image.groups.flatMap(({ open }) => Array.from({ length: size }, (_, j) => open.at(j))),
    );
    const next = tidied(() => {
      const words = tf.tensor1d(
        slots.map((slot) => slot?.ids.at(-1) ?? BOS),
        'int32',
      ); // (N k)
      const before = tf.tensor2d(
        slots.map((slot) => slot?.logProbability ?? -Infinity),
        [active.length, width],
      ); // (N, k)
      const { state: after, logits, attention } = decoder.step(state, words); // logits (N k, V)
      const said = slots.map((slot) => slot?.ids);
      const allowed = applyRules(rules, logits, step, said);
      return { after, logits, allowed, before, attention: request.attention ? attention : undefined };
    });
    state = replaceState(state, next.after);
    if (next.attention) attentions.push(next.attention);

    const sources = extendAll(active, next, search, { shared, last: step === maxWords });
    tf.dispose([next.logits, next.allowed, next.before]);
    if (request.onWords) tellWords(searches, active, request.onWords);
    const remaining = active.flatMap((image, i) => (isDone(image, search) ? [] : [i]));
    if (remaining.length === 0 || step === maxWords) break;

    const leave = worthLeaving(remaining.length, active.length);
    const kept = leave ? remaining : active.map((_, i) => i);
    // A place without a hypothesis repeats some row; its score of -infinity keeps it out.
    const rows = kept.flatMap((i) => Array.from({ length: beam }, (_, j) => sources[i][j] ?? i * width));
    const chosen = tidied(() =>
      decoder.select(state, tf.tensor1d(rows, 'int32'), leave ? tf.tensor1d(kept, 'int32') : undefined),
    );
    state = replaceState(state, chosen);
    active = kept.map((i) => active[i]);
  }
  const weights = attentions.map((tensor) => ({
    values: tensor.dataSync() as Float32Array,
    places: tensor.shape[1]!,
  }));
  return searches.map((image) => captionsOf(image, search, weights));
}

function tellWords(
  searches: ImageSearch[],
  active: ImageSearch[],
  onWords: NonNullable<SearchRequest['onWords']>,
): void {
  for (const image of active) {
    const [best] = image.groups[0].open;
    if (best) onWords(searches.indexOf(image), best.ids);
  }
}

/**
 * Moves every image on by a word, group by group: a later group pays for words that earlier ones took.
 * @param scored logits (N k, V), and log-probabilities of the hypotheses (N, k)
 * @param step shared: whether all groups go on from one row; last: whether only an end counts
 * @returns for each image and each place of its beam the row that its hypothesis came from
 */
function extendAll(
  active: ImageSearch[],
  scored: StepLogits & { before: tf.Tensor2D },
  search: Search,
  { shared, last }: { shared: boolean; last: boolean },
): (number | undefined)[][] {
  const { beam, groups } = search;
  const width = scored.before.shape[1];
  const vocabularySize = scored.logits.shape[1];
  const size = beam / groups;
  const rows = shared ? 1 : size; // of a group
  const sources = active.map((): (number | undefined)[] => new Array<undefined>(beam));
  for (let g = 0; g < groups; g++) {
    const pays = g > 0 && !last;
    const taken = pays ? active.map((image) => wordsTaken(image.groups.slice(0, g))) : [];
    const best = tidied(() => {
      const own = (x: tf.Tensor): tf.Tensor2D => {
        if (shared || groups === 1) return x as tf.Tensor2D;
        const all = tf.reshape(x, [active.length, beam, -1]);
        return tf.reshape(tf.slice(all, [0, g * size, 0], [-1, size, -1]), [active.length * size, -1]);
      };
      let allowed = own(scored.allowed); // (N rows, V)
      if (pays) {
        const costs = penalties(taken, search.diversity, vocabularySize); // (N, 1, V)
        allowed = tf.reshape(
          tf.sub(tf.reshape(allowed, [active.length, rows, vocabularySize]), costs),
          allowed.shape,
        );
      }
      const before = tf.reshape<tf.Rank.R2>(own(scored.before), [active.length, rows]);
      return bestContinuations(
        { logits: own(scored.logits), allowed },
        before,
        Math.min(2 * size, rows * vocabularySize),
      );
    });
    const values = best.values.dataSync();
    const indices = best.indices.dataSync();
    tf.dispose([best.values, best.indices]);
    const each = values.length / active.length;
    active.forEach((image, i) => {
      const candidates: Candidate[] = [];
      for (let rank = 0; rank < each; rank++) {
        const value = values[i * each + rank];
        if (value === -Infinity) break;
        const word = indices[i * each + rank] % vocabularySize;
        const place = Math.floor(indices[i * each + rank] / vocabularySize);
        const paid = pays ? search.diversity * (taken[i].get(word) ?? 0) : 0;
        candidates.push({ word, place, logProbability: value + paid });
      }
      const firstRow = i * width + (shared ? 0 : g * size);
      extend(image.groups[g], candidates, firstRow, search, last);
      image.groups[g].open.forEach(({ trail }, j) => (sources[i][g * size + j] = trail.at(-1)));
    });
  }
  return sources;
}

interface Candidate {
  word: number;
  /** of the hypothesis in its group */
  place: number;
  logProbability: number;
}

/** Moves one group on by a word. */
function extend(
  group: Group,
  candidates: Candidate[],
  firstRow: number,
  search: Search,
  last: boolean,
): void {
  const size = search.beam / search.groups;
  const next: Hypothesis[] = [];
  candidates.forEach(({ word, place, logProbability }, rank) => {
    const { ids, trail } = group.open[place];
    if (word === EOS) {
      if (rank < size) group.finished.push({ ids, trail, logProbability });
    } else if (next.length < size) {
      next.push({ ids: [...ids, word], trail: [...trail, firstRow + place], logProbability });
    }
  });
  group.finished.sort((a, b) => finishedScore(b, search) - finishedScore(a, search));
  if (last) return;
  if (next.length === 0) group.stuck = group.open;
  group.open = next;
  if (groupIsDone(group, search)) group.open = [];
}

const finishedScore = ({ ids, logProbability }: Hypothesis, search: Search) =>
  rankingScore(logProbability, ids.length + 1, search);

/** How often each word was just taken by the hypotheses of some groups. */
function wordsTaken(groups: Group[]): Map<number, number> {
  const taken = new Map<number, number>();
  for (const { ids } of groups.flatMap(({ open }) => open)) {
    const word = ids.at(-1);
    if (word !== undefined) taken.set(word, (taken.get(word) ?? 0) + 1);
  }
  return taken;
}

/** What each word costs the next group: (N, 1, V). */
function penalties(taken: Map<number, number>[], diversity: number, vocabularySize: number): tf.Tensor3D {
  const costs = new Float32Array(taken.length * vocabularySize);
  taken.forEach((words, i) => {
    for (const [word, count] of words) costs[i * vocabularySize + word] = diversity * count;
  });
  return tf.tensor3d(costs, [taken.length, 1, vocabularySize]);
}

/** Whether nothing that a group has open can come before the captions that it is asked for. */
function groupIsDone({ open, finished }: Group, search: Search): boolean {
  if (open.length === 0) return true;
  const wanted = Math.ceil(search.captions / search.groups);
  if (finished.length < wanted) return false;
  const best = Math.max(...open.map(({ logProbability }) => logProbability));
  return finishedScore(finished[wanted - 1], search) >= bestPossibleScore(best, search);
}

const isDone = ({ groups }: ImageSearch, search: Search) =>
  groups.every((group) => groupIsDone(group, search));

/** The best captions of every group in turn, the finished ones of all groups before any unfinished one. */
function captionsOf(
  { groups }: ImageSearch,
  search: Search,
  weights: { values: Float32Array; places: number }[],
): DecodedCaption[] {
  const caption = ({ ids, trail, logProbability }: Hypothesis, finished: boolean): DecodedCaption => ({
    ids,
    logProbability,
    score: rankingScore(logProbability, ids.length + (finished ? 1 : 0), search),
    finished,
    ...(weights.length > 0 && {
      attention: trail.map((row, step) => {
        const { values, places } = weights[step];
        return values.slice(row * places, (row + 1) * places);
      }),
    }),
  });
  const finished = inTurn(groups.map((group) => group.finished.map((each) => caption(each, true))));
  const unfinished = inTurn(
    groups.map((group) =>
      [...group.open, ...group.stuck].map((each) => caption(each, false)).sort(bestFirst),
    ),
  );
  const different = new Map<string, DecodedCaption>();
  for (const each of [...finished, ...unfinished]) {
    const words = each.ids.join(' ');
    if (!different.has(words)) different.set(words, each);
  }
  return [...different.values()].slice(0, search.captions).sort(bestFirst);
}

/** The first of every list, then the second of every list, and so on. */
function inTurn<T>(lists: T[][]): T[] {
  const longest = Math.max(...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list.slice(i, i + 1))).flat();
}
