import { describe, expect, it } from 'vitest';
import { Random } from '../../core/index.js';
import { measureCoverage, measureWord } from './measures.js';

const region = { left: 100, top: 50, width: 40, height: 20 };
const grid = { height: 2, width: 2, region };

/** Positive weights that sum to 1, some of them tiny. */
function randomMap(random: Random, length: number): Float32Array {
  const weights = Array.from({ length }, () => random.next() ** 4);
  const sum = weights.reduce((a, b) => a + b);
  return Float32Array.from(weights, (weight) => weight / sum);
}

describe('measureWord', () => {
  it('is ln P and the middle of the region for equal weights', () => {
    const { entropy, normalizedEntropy, effectiveCells, centre } = measureWord(
      [0.25, 0.25, 0.25, 0.25],
      grid,
    );
    expect(entropy).toBeCloseTo(1.3862943611198906, 15);
    expect(normalizedEntropy).toBe(1);
    expect(effectiveCells).toBeCloseTo(4, 14);
    expect(centre).toEqual({ x: 120, y: 60 });
  });

  it('is 0 and the middle of the cell where one cell has all', () => {
    expect(measureWord([0, 0, 1, 0], grid)).toEqual({
      entropy: 0,
      normalizedEntropy: 0,
      effectiveCells: 1,
      centre: { x: 110, y: 65 },
    });
  });

  // By hand: 0.5 ln 2 + 2 * 0.25 ln 4 = 1.5 ln 2; the centre lies at 0.5 * 110 + 0.25 * 130 + 0.25 * 110 = 115.
  it('is what a hand computes for uneven weights', () => {
    const { entropy, normalizedEntropy, effectiveCells, centre } = measureWord([0.5, 0.25, 0.25, 0], grid);
    expect(entropy).toBeCloseTo(1.5 * Math.LN2, 15);
    expect(normalizedEntropy).toBeCloseTo(0.75, 15);
    expect(effectiveCells).toBeCloseTo(2 ** 1.5, 14);
    expect(centre).toEqual({ x: 115, y: 57.5 });
  });

  it('stays within its bounds, and does not depend on the sum', () => {
    const random = Random.from('entropy');
    for (let i = 0; i < 200; i++) {
      const map = randomMap(random, 49);
      const attention = { height: 7, width: 7, region };
      const { entropy, normalizedEntropy, centre } = measureWord(map, attention);
      expect(entropy).toBeGreaterThan(0);
      expect(normalizedEntropy).toBeLessThan(1);
      expect(centre.x).toBeGreaterThan(region.left);
      expect(centre.x).toBeLessThan(region.left + region.width);
      const doubled = measureWord(
        map.map((weight) => 2 * weight),
        attention,
      );
      expect(doubled.entropy).toBeCloseTo(entropy, 12);
      expect(doubled.centre.y).toBeCloseTo(centre.y, 10);
    }
    for (const places of [3, 49, 196]) {
      const even = new Float32Array(places).fill(1 / places);
      expect(measureWord(even, { height: 1, width: places, region }).normalizedEntropy).toBeLessThanOrEqual(
        1,
      );
    }
  });

  it('has an entropy of 0 where there is one cell', () => {
    expect(measureWord([1], { height: 1, width: 1, region })).toMatchObject({
      entropy: 0,
      normalizedEntropy: 0,
      effectiveCells: 1,
    });
  });
});

describe('measureCoverage', () => {
  const maps = (...rows: number[][]) => rows.map((row) => Float32Array.from(row));

  // By hand: c = 1.5, 0.25, 0.25, 0 of an even share of 0.5; over it 3, 0.5, 0.5, 0, whose mean square distance from 1
  // is (4 + 0.25 + 0.25 + 1) / 4; the penalty is 0.25 + 0.5625 + 0.5625 + 1.
  it('is what a hand computes', () => {
    const { variation, ...exact } = measureCoverage({
      height: 2,
      width: 2,
      maps: maps([1, 0, 0, 0], [0.5, 0.25, 0.25, 0]),
    })!;
    expect(exact).toEqual({
      cells: [1.5, 0.25, 0.25, 0],
      evenShare: 0.5,
      belowEvenShare: 0.75,
      penalty: 2.375,
    });
    expect(variation).toBeCloseTo(Math.sqrt(1.375), 15);
  });

  it('finds nothing to complain about in an even look, whatever float32 makes of it', () => {
    const map = new Float32Array(49).fill(1 / 49);
    const even = measureCoverage({ height: 7, width: 7, maps: new Array(49).fill(map) })!;
    expect(even.belowEvenShare).toBe(0);
    expect(even.variation).toBeCloseTo(0, 12);
    expect(even.penalty).toBeCloseTo(0, 12);
  });

  it('has the largest variation where one cell gets everything', () => {
    const one = Float32Array.from({ length: 49 }, (_, i) => (i === 24 ? 1 : 0));
    const coverage = measureCoverage({ height: 7, width: 7, maps: [one, one, one] })!;
    expect(coverage.variation).toBeCloseTo(Math.sqrt(48), 12);
    expect(coverage.belowEvenShare).toBeCloseTo(48 / 49, 15);
  });

  // The sum of (1 - c)^2 splits into what T words cannot avoid and what unevenness adds.
  it('has a penalty that follows from the variation, and cells that sum to the words', () => {
    const random = Random.from('coverage');
    for (const words of [1, 5, 30]) {
      const [P, T] = [49, words];
      const looks = Array.from({ length: words }, () => randomMap(random, P));
      const { cells, variation, penalty } = measureCoverage({ height: 7, width: 7, maps: looks })!;
      expect(cells.reduce((a, b) => a + b)).toBeCloseTo(T, 10);
      expect(penalty).toBeCloseTo(P * (1 - T / P) ** 2 + (T ** 2 / P) * variation ** 2, 8);
    }
  });

  it('is undefined for a caption without words', () => {
    expect(measureCoverage({ height: 7, width: 7, maps: [] })).toBeUndefined();
  });
});
