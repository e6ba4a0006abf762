/**
 * Numbers of names, in 18 to 36 bytes a name: a Map of strings takes well over 100. Names are known by 64 bits of hash; one
 * whose hash is another's as well is kept as it is, so that every name that was added is found.
 */
import { mix32 } from '../core/index.js';

export class NameIndex {
  /** Open addressing; slot s holds low[s], high[s] -> numbers[s] - 1; 0: empty. */
  private low: Int32Array;
  private high: Int32Array;
  private numbers: Int32Array;
  private readonly alike = new Map<string, number>();
  private used = 0;

  /** @param expected about how many names there will be: the table need not grow then */
  constructor(expected = 0) {
    let slots = 64;
    while (slots < 1.5 * expected) slots *= 2;
    this.low = new Int32Array(slots);
    this.high = new Int32Array(slots);
    this.numbers = new Int32Array(slots);
  }

  /** Names so far; the number of the next one. */
  get size(): number {
    return this.used;
  }

  /** Gives a name that is not in it yet the next number. */
  add(name: string): number {
    if (this.used > this.numbers.length / 1.5) this.enlarge();
    const { low, high } = hashOf(name);
    const slot = this.slotOf(low, high);
    const number = this.used++;
    if (this.numbers[slot] !== 0) this.alike.set(name, number);
    else this.fill(slot, low, high, number + 1);
    return number;
  }

  /** The number of a name; -1 for one that was never added (or, with the chance of a hash of 64 bits, another's). */
  find(name: string): number {
    const { low, high } = hashOf(name);
    return this.alike.get(name) ?? this.numbers[this.slotOf(low, high)] - 1;
  }

  /** Where a hash is, or where it belongs. */
  private slotOf(low: number, high: number): number {
    const mask = this.numbers.length - 1;
    let slot = low & mask;
    while (this.numbers[slot] !== 0 && (this.low[slot] !== low || this.high[slot] !== high)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private fill(slot: number, low: number, high: number, number: number): void {
    this.low[slot] = low;
    this.high[slot] = high;
    this.numbers[slot] = number;
  }

  private enlarge(): void {
    const { low, high, numbers } = this;
    this.low = new Int32Array(2 * numbers.length);
    this.high = new Int32Array(2 * numbers.length);
    this.numbers = new Int32Array(2 * numbers.length);
    numbers.forEach((number, i) => {
      if (number !== 0) this.fill(this.slotOf(low[i], high[i]), low[i], high[i], number);
    });
  }
}

/** Two 32-bit FNV-1a hashes (over UTF-16 code units, from different beginnings), mixed. */
export function hashOf(name: string): { low: number; high: number } {
  let low = 0x811c9dc5;
  let high = 0x2f0b4c47;
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ mix32(unit + i), 0x01000193);
  }
  return { low: mix32(low), high: mix32(high) };
}
