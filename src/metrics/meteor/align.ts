/**
 * METEOR's alignment of a hypothesis with a reference: four matchers propose matches, and a beam search over the words of
 * the reference picks those that cover most, in the fewest chunks (Denkowski and Lavie 2014). Where the jar's search has
 * its own way of counting, this one counts alike; such places are marked.
 */
import type { Paraphrases } from './paraphrases.js';
import { porter2 } from './porter2.js';
import type { Synonyms } from './synonyms.js';

/** Paths that the search keeps. */
const BEAM = 40;
/** What a matched word is worth in the search, by matcher: exact, stem, synonym, paraphrase. The score has other weights. */
const SEARCH_WEIGHTS = [1, 0.5, 0.5, 0.5];

export interface Match {
  /** 0 exact, 1 stem, 2 synonym, 3 paraphrase */
  matcher: number;
  /** in the reference */
  start: number;
  length: number;
  /** in the hypothesis */
  hypothesisStart: number;
  hypothesisLength: number;
}

export interface Lexicon {
  synonyms: Synonyms;
  paraphrases: Paraphrases;
}

/** A text with what the matchers ask of it, made once for all its comparisons. */
export interface AlignedText {
  words: readonly string[];
  keys: Int32Array;
  stems: Int32Array;
  numbers: Int32Array;
  places: Map<number, number[]>;
}

export function prepareText(words: readonly string[], { paraphrases }: Lexicon): AlignedText {
  const numbers = Int32Array.from(words, (word) => paraphrases.numberOf(word));
  const places = new Map<number, number[]>();
  numbers.forEach((number, place) => {
    const known = places.get(number);
    if (known) known.push(place);
    else places.set(number, [place]);
  });
  return {
    words,
    keys: Int32Array.from(words, key),
    stems: Int32Array.from(words, (word) => key(porter2(word))),
    numbers,
    places,
  };
}

/** The jar compares hashes of words, Java's; so does this, down to their rare collisions. */
function key(word: string): number {
  let hash = 0;
  for (let i = 0; i < word.length; i++) hash = (Math.imul(31, hash) + word.charCodeAt(i)) | 0;
  return hash;
}

/** The matches of the best alignment, by their place in the reference. */
export function align(hypothesis: AlignedText, reference: AlignedText, lexicon: Lexicon): Match[] {
  const proposed = proposals(hypothesis, reference, lexicon);
  const start = new Path(hypothesis.words.length, reference.words.length);
  for (const [place, matches] of proposed.byStart.entries()) {
    if (matches.length === 1 && proposed.isOnlyChoice(matches[0])) start.take(matches[0], place);
  }
  return search(proposed.byStart, start).matches.filter((match) => match !== undefined);
}

function proposals(hypothesis: AlignedText, reference: AlignedText, { synonyms, paraphrases }: Lexicon) {
  const byStart = reference.words.map((): Match[] => []);
  const covered = new Uint32Array(reference.words.length); // by how many proposals
  const coveredHypothesis = new Uint32Array(hypothesis.words.length);
  const propose = (match: Match) => {
    byStart[match.start].push(match);
    for (let i = 0; i < match.length; i++) covered[match.start + i]++;
    for (let i = 0; i < match.hypothesisLength; i++) coveredHypothesis[match.hypothesisStart + i]++;
  };
  const eachPair = (matcher: number, fits: (i: number, j: number) => boolean) => {
    for (let i = 0; i < reference.words.length; i++) {
      for (let j = 0; j < hypothesis.words.length; j++) {
        if (fits(i, j)) propose({ matcher, start: i, length: 1, hypothesisStart: j, hypothesisLength: 1 });
      }
    }
  };
  const same = (i: number, j: number) => reference.keys[i] === hypothesis.keys[j];
  eachPair(0, same);
  const identical =
    reference.keys.length === hypothesis.keys.length &&
    reference.keys.every((each, i) => each === hypothesis.keys[i]);
  if (!identical) {
    eachPair(1, (i, j) => reference.stems[i] === hypothesis.stems[j] && !same(i, j));
    const [sets, others] = [reference, hypothesis].map(({ words }) =>
      words.map((word) => synonyms.setsOf(word)),
    );
    eachPair(2, (i, j) => !same(i, j) && share(sets[i], others[j]));
    for (let i = 0; i < reference.words.length; i++) {
      paraphrases.match(
        reference.numbers,
        i,
        { words: hypothesis.numbers, places: hypothesis.places },
        (length, j, other) =>
          propose({ matcher: 3, start: i, length, hypothesisStart: j, hypothesisLength: other }),
      );
    }
    for (let j = 0; j < hypothesis.words.length; j++) {
      paraphrases.match(
        hypothesis.numbers,
        j,
        { words: reference.numbers, places: reference.places },
        (length, i, other) =>
          propose({ matcher: 3, start: i, length: other, hypothesisStart: j, hypothesisLength: length }),
      );
    }
  }
  return {
    byStart,
    isOnlyChoice(match: Match): boolean {
      for (let i = 0; i < match.length; i++) if (covered[match.start + i] !== 1) return false;
      for (let j = 0; j < match.hypothesisLength; j++) {
        if (coveredHypothesis[match.hypothesisStart + j] !== 1) return false;
      }
      return true;
    },
  };
}

function share(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  for (const each of a) if (b.has(each)) return true;
  return false;
}

/** An alignment of the first words of the reference. */
class Path {
  matches: (Match | undefined)[];
  used: Uint8Array;
  hypothesisUsed: Uint8Array;
  /** weighted, of both texts */
  worth = 0;
  worthHypothesis = 0;
  chunks = 0;
  distance = 0;
  /** the next word of the reference */
  next = 0;
  /** behind the last match in the hypothesis, or -1 where the word before is not matched */
  lastEnd = -1;

  constructor(hypothesisLength: number, referenceLength: number) {
    this.matches = new Array<Match | undefined>(referenceLength).fill(undefined);
    this.used = new Uint8Array(referenceLength);
    this.hypothesisUsed = new Uint8Array(hypothesisLength);
  }

  copy(): Path {
    const path = Object.assign(Object.create(Path.prototype) as Path, this);
    path.matches = this.matches.slice();
    path.used = this.used.slice();
    path.hypothesisUsed = this.hypothesisUsed.slice();
    return path;
  }

  /** Whether words of the match are taken already. */
  blocks({ start, length, hypothesisStart, hypothesisLength }: Match): boolean {
    for (let i = 0; i < length; i++) if (this.used[start + i]) return true;
    for (let j = 0; j < hypothesisLength; j++) if (this.hypothesisUsed[hypothesisStart + j]) return true;
    return false;
  }

  take(match: Match, place: number): void {
    this.matches[place] = match;
    this.used.fill(1, match.start, match.start + match.length);
    this.hypothesisUsed.fill(1, match.hypothesisStart, match.hypothesisStart + match.hypothesisLength);
  }

  /** Counts a match that is taken, and goes on behind it. */
  count(match: Match): void {
    const weight = SEARCH_WEIGHTS[match.matcher];
    // The jar keeps these sums in integers: parts of a word are lost, match by match.
    this.worthHypothesis = Math.trunc(this.worthHypothesis + match.hypothesisLength * weight);
    this.worth = Math.trunc(this.worth + match.length * weight);
    if (this.lastEnd !== -1 && match.hypothesisStart !== this.lastEnd) this.chunks++;
    this.next = match.start + match.length;
    this.lastEnd = match.hypothesisStart + match.hypothesisLength;
  }

  endChunk(): void {
    if (this.lastEnd !== -1) this.chunks++;
    this.lastEnd = -1;
  }
}

/** More words first, then fewer chunks, then less distance. */
function better(a: Path, b: Path): number {
  return (
    b.worth + b.worthHypothesis - (a.worth + a.worthHypothesis) ||
    a.chunks - b.chunks ||
    a.distance - b.distance
  );
}

const distanceOf = ({ start, hypothesisStart }: Match) => Math.abs(start - hypothesisStart);

function search(byStart: Match[][], start: Path): Path {
  let paths = [start];
  for (let place = 0; place < byStart.length; place++) {
    const next: Path[] = [];
    for (const path of paths.sort(better).slice(0, BEAM)) {
      if (path.used[place]) {
        if (place < path.next) next.push(path);
        else {
          const match = path.matches[path.next];
          if (!match) continue;
          path.count(match);
          path.distance += distanceOf(match);
          next.push(path);
        }
        continue;
      }
      for (const match of byStart[place]) {
        if (path.blocks(match)) continue;
        const longer = path.copy();
        longer.take(match, place);
        longer.count(match);
        // The jar adds the distance to the path that goes on without the match, not to the one that takes it.
        path.distance += distanceOf(match);
        next.push(longer);
      }
      path.endChunk();
      path.next++;
      next.push(path);
    }
    paths = next.length > 0 ? next : paths.slice(0, 1);
  }
  for (const path of (paths = paths.sort(better).slice(0, BEAM))) path.endChunk();
  return paths.sort(better)[0];
}
