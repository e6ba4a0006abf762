/**
 * METEOR's table of paraphrases, 5.3 million pairs of phrases, as typed arrays that are read in one go: 43 MB instead of
 * the gigabyte of objects that the text would make.
 */
import { UserError } from '../../core/index.js';

const MAGIC = 'showtell-paraphrases-1\n';

/**
 * Phrases are a trie of word numbers in which the children of a node lie together, by rising number. The paraphrases of all
 * phrases follow each other, a phrase's in the order of the original table.
 */
export interface ParaphraseArrays {
  /** of the words, one a line; number = line */
  words: string;
  /** word that leads to each node; node 0 is the root */
  labels: Uint16Array;
  /** the children of node n are firstChild[n] to firstChild[n + 1] - 1 */
  firstChild: Uint32Array;
  /** the paraphrases of the phrase that ends in node n are firstEntry[n] to firstEntry[n + 1] - 1 */
  firstEntry: Uint32Array;
  /** where the words of a node's first paraphrase begin in `text` */
  firstWord: Uint32Array;
  /** words of each paraphrase */
  lengths: Uint8Array;
  /** words of all paraphrases */
  text: Uint16Array;
}

const FIELDS = ['labels', 'firstChild', 'firstEntry', 'firstWord', 'lengths', 'text'] as const;

/** The arrays as one file: a line of JSON with their lengths, then the bytes of each, padded to multiples of 4. */
export function packParaphrases(arrays: ParaphraseArrays): Buffer {
  const words = Buffer.from(arrays.words);
  const header = Buffer.from(
    `${MAGIC}${JSON.stringify({ words: words.length, ...Object.fromEntries(FIELDS.map((field) => [field, arrays[field].length])) })}\n`,
  );
  const parts = [header, words, ...FIELDS.map((field) => bytesOf(arrays[field]))];
  return Buffer.concat(parts.flatMap((part) => [part, Buffer.alloc(padding(part.length))]));
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  Buffer.from(buffer, byteOffset, byteLength);
const padding = (length: number) => (4 - (length % 4)) % 4;

/** @throws UserError for bytes that are something else, or not all */
export function unpackParaphrases(file: Buffer, path: string): ParaphraseArrays {
  const refuse = () =>
    new UserError(`${path} is damaged: it holds no table of paraphrases.`, {
      hint: '`showtell setup --meteor --force` writes it anew.',
    });
  const end = file.indexOf('\n', MAGIC.length);
  if (file.subarray(0, MAGIC.length).toString('latin1') !== MAGIC || end < 0) throw refuse();
  const sizes = JSON.parse(file.subarray(MAGIC.length, end).toString()) as Record<string, number>;
  // A copy of its own is aligned, whatever buffer the file was read into.
  const bytes = new Uint8Array(file).buffer;
  let at = end + 1;
  const take = (length: number) => {
    at += padding(at);
    const from = at;
    at += length;
    if (at > bytes.byteLength) throw refuse();
    return from;
  };
  const wordsAt = take(sizes.words);
  const words = file.subarray(wordsAt, wordsAt + sizes.words).toString();
  const half = (length: number) => new Uint16Array(bytes, take(2 * length), length);
  const whole = (length: number) => new Uint32Array(bytes, take(4 * length), length);
  return {
    words,
    labels: half(sizes.labels),
    firstChild: whole(sizes.firstChild),
    firstEntry: whole(sizes.firstEntry),
    firstWord: whole(sizes.firstWord),
    lengths: new Uint8Array(bytes, take(sizes.lengths), sizes.lengths),
    text: half(sizes.text),
  };
}

export class Paraphrases {
  private readonly numbers: Map<string, number>;

  constructor(private readonly arrays: ParaphraseArrays) {
    this.numbers = new Map(arrays.words.split('\n').map((word, number) => [word, number]));
  }

  /** Number of a word; -1: no phrase has it. */
  numberOf(word: string): number {
    return this.numbers.get(word) ?? -1;
  }

  /**
   * Finds paraphrases of the phrases that begin at a place: `visit` gets the words of the phrase, and where its paraphrase
   * stands in `other`.
   * @param words numbers of the words of one text
   * @param other of the other text, and for each number where it stands there, rising
   */
  match(
    words: Int32Array,
    from: number,
    other: { words: Int32Array; places: ReadonlyMap<number, number[]> },
    visit: (length: number, start: number, otherLength: number) => void,
  ): void {
    const { firstEntry, firstWord, lengths, text } = this.arrays;
    let node = 0;
    for (let end = from; end < words.length; end++) {
      node = this.child(node, words[end]);
      if (node < 0) return;
      let at = firstWord[node];
      for (let entry = firstEntry[node]; entry < firstEntry[node + 1]; entry++) {
        const length = lengths[entry];
        for (const start of other.places.get(text[at]) ?? []) {
          let same = 1;
          while (same < length && other.words[start + same] === text[at + same]) same++;
          if (same === length) visit(end - from + 1, start, length);
        }
        at += length;
      }
    }
  }

  /** The node that a word leads to; -1: none. */
  private child(node: number, word: number): number {
    const { labels, firstChild } = this.arrays;
    let low = firstChild[node];
    let high = firstChild[node + 1] - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (labels[middle] === word) return middle;
      if (labels[middle] < word) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}
