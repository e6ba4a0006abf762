/**
 * Bootstrap over images (Efron; for comparing systems Koehn 2004): a score is computed again on samples of the images,
 * drawn with replacement, as many as there are.
 */
import { Random } from '../core/index.js';

/** Share of the samples that an interval holds. */
export const LEVEL = 0.95;

export interface BootstrapSettings {
  /** samples drawn */
  samples: number;
  /** 32-bit integer that decides them */
  seed: number;
}

export const defaultBootstrap: BootstrapSettings = { samples: 1000, seed: 1 };

export type Interval = [low: number, high: number];

/** Samples of `images` images: numbers of images, with repeats. The same settings give the same samples. */
export function* drawSamples(images: number, { samples, seed }: BootstrapSettings): Generator<Int32Array> {
  const random = Random.for(seed, 'bootstrap');
  for (let sample = 0; sample < samples; sample++) {
    yield Int32Array.from({ length: images }, () => random.integer(images));
  }
}

/** What lies between the 2.5th and the 97.5th percentile, with linear interpolation between values. */
export function percentileInterval(values: readonly number[]): Interval {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => {
    const place = share * (sorted.length - 1);
    const below = Math.floor(place);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  };
  return [at((1 - LEVEL) / 2), at((1 + LEVEL) / 2)];
}

/**
 * Two-sided p-value of a difference, from the differences on the samples: twice the share of them on the other side of
 * zero, zero included, or 1 if that is more; one is added to both counts, so that it is never 0 (Davison and Hinkley 1997,
 * section 4.2).
 */
export function pValue(differences: readonly number[]): number {
  const notAbove = differences.filter((difference) => difference <= 0).length;
  const notBelow = differences.filter((difference) => difference >= 0).length;
  return Math.min(1, (2 * (Math.min(notAbove, notBelow) + 1)) / (differences.length + 1));
}
