/**
 * N-grams as integers. A table gives every different n-gram a number; an n-gram is the number of its first n - 1 words
 * and its last word, so that a step of the hash table takes two integers, whatever n is. An n-gram takes about 25 bytes, a
 * tenth of what it takes as a key of a Map.
 */

/** Longest n-gram of the metrics. */
export const ORDER = 4;

export class NgramTable {
  /** @param base which knows its own n-grams by the numbers it gave them; here only others are added. It must not grow. */
  constructor(private readonly base?: NgramTable) {
    this.first = base?.size ?? 0;
  }

  /** What the base numbered. */
  private readonly first: number;
  private readonly words = new Map<string, number>();
  /** Open addressing; slot s holds prefixes[s], lasts[s] -> ids[s]; 0: empty. */
  private prefixes = new Int32Array(1 << 12);
  private lasts = new Int32Array(1 << 12);
  private ids = new Int32Array(1 << 12);
  private used = 0;

  /** Different n-grams so far; their numbers are 1 to `size`. */
  get size(): number {
    return this.first + this.used;
  }

  /**
   * How often each n-gram of 1 to 4 words occurs in a caption.
   * @returns for n = 1..4 the counts by the n-gram's number
   */
  count(tokens: readonly string[]): Map<number, number>[] {
    const counts = Array.from({ length: ORDER }, () => new Map<number, number>());
    const words = tokens.map((token) => this.wordOf(token));
    for (let start = 0; start < words.length; start++) {
      let id = 0;
      for (let n = 0; n < ORDER && start + n < words.length; n++) {
        id = this.idOf(id, words[start + n]);
        counts[n].set(id, (counts[n].get(id) ?? 0) + 1);
      }
    }
    return counts;
  }

  private wordOf(token: string): number {
    let word = this.base?.words.get(token) ?? this.words.get(token);
    if (word === undefined) {
      word = (this.base?.words.size ?? 0) + this.words.size + 1;
      this.words.set(token, word);
    }
    return word;
  }

  private idOf(prefix: number, last: number): number {
    const known = this.base?.find(prefix, last) ?? 0;
    if (known !== 0) return known;
    const slot = this.slotOf(prefix, last);
    if (this.ids[slot] !== 0) return this.ids[slot];
    this.prefixes[slot] = prefix;
    this.lasts[slot] = last;
    const id = this.first + ++this.used;
    this.ids[slot] = id;
    if (this.used > this.ids.length / 2) this.enlarge();
    return id;
  }

  /** The number of an n-gram; 0: it has none. */
  private find(prefix: number, last: number): number {
    return this.ids[this.slotOf(prefix, last)];
  }

  /** Where an n-gram is, or where it belongs. */
  private slotOf(prefix: number, last: number): number {
    const mask = this.ids.length - 1;
    let slot = (Math.imul(prefix, 0x9e3779b1) ^ Math.imul(last, 0x85ebca6b)) >>> 0;
    slot = (slot ^ (slot >>> 15)) & mask;
    while (this.ids[slot] !== 0 && (this.prefixes[slot] !== prefix || this.lasts[slot] !== last)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private enlarge(): void {
    const { prefixes, lasts, ids } = this;
    this.prefixes = new Int32Array(2 * ids.length);
    this.lasts = new Int32Array(2 * ids.length);
    this.ids = new Int32Array(2 * ids.length);
    ids.forEach((id, i) => {
      if (id === 0) return;
      const slot = this.slotOf(prefixes[i], lasts[i]);
      this.prefixes[slot] = prefixes[i];
      this.lasts[slot] = lasts[i];
      this.ids[slot] = id;
    });
  }
}
