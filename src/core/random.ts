/**
 * Seeded random numbers: mulberry32 (Tommy Ettinger, public domain), whose whole state is one 32-bit integer, so
 * that a checkpoint can hold it.
 */

/** 32-bit FNV-1a hash of the UTF-8 bytes of `text`: turns a name into a seed. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}

/** Every bit of the result, a signed 32-bit integer, depends on all of `x`: the last steps of MurmurHash3 (Appleby 2008). */
export function mix32(x: number): number {
  let h = x;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

export class Random {
  private constructor(private current: number) {}

  /** A generator for `seed`; a string is hashed. */
  static from(seed: number | string): Random {
    return new Random(typeof seed === 'string' ? fnv1a(seed) : seed >>> 0);
  }

  /** A generator of its own for `purpose`: drawing from one never shifts another. */
  static for(seed: number, ...purpose: (string | number)[]): Random {
    return Random.from([seed, ...purpose].join('/'));
  }

  /** The whole state; `Random.from(state)` continues here. */
  get state(): number {
    return this.current;
  }

  /** Next number in [0, 1), with 32 random bits. */
  next(): number {
    this.current = (this.current + 0x6d2b79f5) >>> 0;
    let t = this.current;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Integer in [0, bound). */
  integer(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** Standard normal number (Box-Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  /** One element of a non-empty array. */
  pick<T>(items: readonly T[]): T {
    return items[this.integer(items.length)];
  }

  /** Shuffles in place (Fisher-Yates) and returns the array. */
  shuffle<A extends unknown[] | Int32Array>(items: A): A {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const item = items[i];
      items[i] = items[j];
      items[j] = item;
    }
    return items;
  }
}
