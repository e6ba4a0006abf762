import { expect, it } from 'vitest';
import { mix32 } from '../core/index.js';
import { keptNumbers } from './index.js';

const WIDTH = 200;
const keys = Int32Array.from({ length: 50 }, (_, i) => (i - 25) * 77_777_777);
const kept = (rate: number, of = keys) => [...keptNumbers(of, WIDTH, rate).dataSync()];

/** The mean of n numbers that are 1 with probability p deviates by sqrt(p (1 - p) / n); five of that. */
function expectShare(values: number[], p: number): void {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(Math.abs(mean - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / values.length));
}

export function opsCases(): void {
  it.each([0.1, 0.5, 0.9])(
    'drops a share of %d, whatever the row, the column and their neighbours',
    (rate) => {
      const values = kept(rate);
      const p = 1 - rate;
      expectShare(values, p);
      for (let row = 0; row < keys.length; row++)
        expectShare(values.slice(WIDTH * row, WIDTH * (row + 1)), p);
      for (let column = 0; column < WIDTH; column++) {
        expectShare(
          values.filter((_, i) => i % WIDTH === column),
          p,
        );
      }
      for (const distance of [1, 2, WIDTH, WIDTH + 1]) {
        const pairs = values.slice(distance).map((value, i) => value * values[i]);
        expectShare(pairs, p * p);
      }
    },
  );

  it('keeps all at a rate of 0', () => {
    expect(kept(0).every((value) => value === 1)).toBe(true);
  });

  it('decides by key and column alone, on every backend alike', () => {
    const reversed = kept(0.5, keys.toReversed());
    expect(reversed.slice(0, WIDTH)).toEqual(kept(0.5).slice(-WIDTH));
    const expected = [0, 1, 2].map((column) => Number(mix32(12345 ^ Math.imul(column + 1, 0x9e3779b1)) >= 0));
    expect(kept(0.5, Int32Array.of(12345)).slice(0, 3)).toEqual(expected);
  });
}
