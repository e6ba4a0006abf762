import { describe, expect, it } from 'vitest';
import { EOS, packRows } from '../data/index.js';
import { shareOf } from './share.js';

const images = ['a', 'b', 'c', 'd', 'e'];
const batch = packRows(
  images.flatMap((image, i) =>
    Array.from({ length: i < 3 ? 2 : 1 }, (_, k) => ({
      image,
      targets: [...Array.from({ length: 1 + ((3 * i + k) % 5) }, (_, t) => 4 + ((i + 2 * k + t) % 7)), EOS],
    })),
  ),
  images,
);

describe('the shares of a batch', () => {
  it.each([2, 3, 4, 7])('hold all of it, for %i processes', (size) => {
    const shares = Array.from({ length: size }, (_, rank) => shareOf(batch, { rank, size }));
    const rowsOf = (share: typeof batch) =>
      [...share.lengths.keys()].map((row) => ({
        image: share.images[share.imageOfRow[row]],
        inputs: [...share.inputs.subarray(row * share.steps, row * share.steps + share.lengths[row])],
        targets: [...share.targets.subarray(row * share.steps, row * share.steps + share.lengths[row])],
        key: share.keys?.[row] ?? row,
      }));
    const all = shares.flatMap((share) => (share ? rowsOf(share) : []));
    expect(all.sort((a, b) => a.key - b.key)).toEqual(rowsOf(batch));
    expect(shares.filter((share) => share === null)).toHaveLength(Math.max(0, size - images.length));
    for (const share of shares) {
      if (!share) continue;
      expect(share.whole).toEqual({ size: batch.size, tokens: batch.tokens });
      expect([...share.lengths]).toEqual([...share.lengths].sort((a, b) => b - a));
    }
    expect(shareOf(batch, { rank: 0, size: 1 })).toBe(batch);
  });
});
