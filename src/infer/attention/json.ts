/** Attention as data: what `showtell caption --attention FILE.json` writes of each image. */
import { attentionOf, type AttendedCaption } from './attention.js';
import { measureCoverage, measureWord, type Coverage, type WordAttention } from './measures.js';
import { asFractions, type Region, type Size } from './region.js';

/** Digits that bring a float32 back exactly. */
const FLOAT32_DIGITS = 9;

export interface AttentionJson {
  caption: string;
  /** Size of the upright photo, in pixels. All other pixels here are the photo's. */
  photo: Size;
  /** What the model saw of the photo, in pixels; may reach beyond the photo (`seenRegion`). */
  region: Region;
  /** The same as shares of the photo's width and height. */
  regionFractions: Region;
  /** Rows and columns of cells, which cut the region into equal parts. */
  grid: { height: number; width: number };
  /** In the order of the caption. */
  words: (WordAttention & {
    word: string;
    /** Of each cell, row by row: `weights[row][column]`. Nine significant digits, enough for a float32. */
    weights: number[][];
  })[];
  /** Null for a caption without words. */
  coverage: (Omit<Coverage, 'cells'> & { cells: number[][] }) | null;
}

/**
 * A plain object for `JSON.stringify`. Numbers other than weights are as computed, in double precision.
 * @throws UserError if the caption was made without attention
 */
export function attentionJson(caption: AttendedCaption): AttentionJson {
  const attention = attentionOf(caption);
  const { photo, region, height, width, maps } = attention;
  const coverage = measureCoverage(attention);
  return {
    caption: caption.text,
    photo,
    region,
    regionFractions: asFractions(region, photo),
    grid: { height, width },
    words: caption.words.map((word, i) => ({
      word,
      ...measureWord(maps[i], attention),
      weights: rows(
        Array.from(maps[i], (weight) => Number(weight.toPrecision(FLOAT32_DIGITS))),
        width,
      ),
    })),
    coverage: coverage ? { ...coverage, cells: rows(coverage.cells, width) } : null,
  };
}

function rows(cells: readonly number[], width: number): number[][] {
  return Array.from({ length: cells.length / width }, (_, row) =>
    cells.slice(row * width, (row + 1) * width),
  );
}
