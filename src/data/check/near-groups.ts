/**
 * Groups of fingerprints that lie close together, found without comparing every pair: of two that differ in at most 10
 * bits, at least one of 11 pieces is equal (multi-index hashing, Norouzi et al. 2012). Exact, not a sample.
 */
import { distance, NEAR_BITS, type Fingerprint } from './fingerprint.js';

const BITS = 128;

/**
 * @param prints null: belongs to no group
 * @param most bits that differ
 * @returns groups of two or more indices, each in rising order; a group is what a chain of near pairs connects
 */
export function nearGroups(prints: readonly (Fingerprint | null)[], most = NEAR_BITS): number[][] {
  // Equal ones are merged first, so that thousands of the same drawing cost no pairs.
  const equal = new Map<string, number[]>();
  prints.forEach((print, i) => {
    if (print === null) return;
    const key = print.join();
    const others = equal.get(key);
    if (others) others.push(i);
    else equal.set(key, [i]);
  });
  const members = [...equal.values()];
  const unique = members.map(([first]) => prints[first]!);
  const parent = unique.map((_, i) => i);
  const rootOf = (i: number): number => {
    while (parent[i] !== i) i = parent[i] = parent[parent[i]];
    return i;
  };
  const pieces = most + 1;
  for (let piece = 0; piece < pieces; piece++) {
    const from = Math.floor((piece * BITS) / pieces);
    const to = Math.floor(((piece + 1) * BITS) / pieces);
    const buckets = new Map<number, number[]>();
    unique.forEach((print, i) => {
      const value = bitsOf(print, from, to);
      const bucket = buckets.get(value);
      if (!bucket) {
        buckets.set(value, [i]);
        return;
      }
      for (const other of bucket) {
        if (distance(print, unique[other]) <= most) parent[rootOf(i)] = rootOf(other);
      }
      bucket.push(i);
    });
  }
  const groups = new Map<number, number[]>();
  unique.forEach((_, i) => {
    const root = rootOf(i);
    groups.set(root, [...(groups.get(root) ?? []), ...members[i]]);
  });
  return [...groups.values()].filter(({ length }) => length > 1).map((group) => group.sort((a, b) => a - b));
}

/** Bits [from, to) as a number; the pieces are compared only among each other, so their order does not matter. */
function bitsOf(print: Fingerprint, from: number, to: number): number {
  let value = 0;
  for (let bit = from; bit < to; bit++) value = value * 2 + ((print[bit >> 5] >>> (bit & 31)) & 1);
  return value;
}
