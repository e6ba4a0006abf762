/**
 * How widely, and how evenly over the caption, a decoder looked. P is the number of cells, T the number of words; the
 * step that ends a caption has no word and is not counted. Weights are divided by their sum first, which float32 leaves
 * near 1.
 */
import type { Attention } from './attention.js';
import { cellRegion, type Point } from './region.js';

/** Of one word. */
export interface WordAttention {
  /** Shannon's: minus the sum of p ln p, in nats; 0 when one cell has all weight, ln P when all have the same. */
  entropy: number;
  /** The entropy over ln P, 0..1; 0 when there is a single cell. */
  normalizedEntropy: number;
  /**
   * e to the entropy: how many cells of equal weight would look as widely. 1..P. Known as perplexity, and as Hill's
   * number of order 1 (Hill 1973, Diversity and evenness).
   */
  effectiveCells: number;
  /** Mean of the cells' centres, each with its weight, in the photo's pixels. */
  centre: Point;
}

/**
 * Of a whole caption. The doubly stochastic attention of Xu et al. (2015, section 4.2.1) is held to look equally at all
 * of the picture: c, the weights of a cell summed over the words, is to be near 1. The c of all cells sum to T, so
 * what can be reached is the even share T / P.
 */
export interface Coverage {
  /** c of each cell, row by row, in words: (P), sums to T. */
  cells: number[];
  /** T / P */
  evenShare: number;
  /** Share of the cells with less than the even share, 0..1; what float32 cannot tell from it is not less. */
  belowEvenShare: number;
  /** Standard deviation of c over the even share: 0 when all cells got the same, sqrt(P - 1) when one got all. */
  variation: number;
  /** Sum of (1 - c)^2 over the cells: the penalty of that section, without its factor. */
  penalty: number;
}

/** Relative difference that rounding to float32 explains. */
const FLOAT32_ROUNDING = 1e-6;

/**
 * @param map the weights of one word, (P)
 * @param attention what the map belongs to
 */
export function measureWord(
  map: ArrayLike<number>,
  { height, width, region }: Pick<Attention, 'height' | 'width' | 'region'>,
): WordAttention {
  const shares = sharesOf(map);
  let entropy = 0;
  const centre = { x: 0, y: 0 };
  shares.forEach((share, i) => {
    if (share > 0) entropy -= share * Math.log(share);
    const cell = cellRegion(region, { width, height }, Math.floor(i / width), i % width);
    centre.x += share * (cell.left + cell.width / 2);
    centre.y += share * (cell.top + cell.height / 2);
  });
  const most = Math.log(shares.length);
  entropy = Math.min(Math.max(entropy, 0), most); // rounding goes beyond the ends
  return {
    entropy,
    normalizedEntropy: most > 0 ? entropy / most : 0,
    effectiveCells: Math.exp(entropy),
    centre,
  };
}

/** Undefined for a caption without words, which looked nowhere. */
export function measureCoverage({
  height,
  width,
  maps,
}: Pick<Attention, 'height' | 'width' | 'maps'>): Coverage | undefined {
  if (maps.length === 0) return undefined;
  const cells = new Array<number>(height * width).fill(0);
  for (const map of maps) sharesOf(map).forEach((share, i) => (cells[i] += share));
  const evenShare = maps.length / cells.length;
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / cells.length;
  return {
    cells,
    evenShare,
    belowEvenShare: mean(cells.map((c) => (c < evenShare * (1 - FLOAT32_ROUNDING) ? 1 : 0))),
    variation: Math.sqrt(mean(cells.map((c) => (c / evenShare - 1) ** 2))),
    penalty: cells.reduce((sum, c) => sum + (1 - c) ** 2, 0),
  };
}

/** In double precision, with a sum of 1. */
function sharesOf(map: ArrayLike<number>): number[] {
  const weights = Array.from(map);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
