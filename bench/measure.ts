/** What a bench gives back, and its statistics. */
import type { BackendInfo } from '../src/backend/index.js';

export interface Measurement {
  /** One number of the bench's unit for each repeat. */
  values: number[];
  /** What was observed beside the time, for the report. */
  facts?: Record<string, string | number>;
}

/** What the parent process hands over, as JSON; each bench documents its own. */
export type Options = Record<string, unknown>;

/**
 * Rate of `work` in units of work per second.
 * @param work does one repeat and returns how much it did
 */
export async function rates(
  { warmup, repeats }: { warmup: number; repeats: number },
  work: () => number | Promise<number>,
): Promise<number[]> {
  for (let i = 0; i < warmup; i++) await work();
  const values: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const began = performance.now();
    const done = await work();
    values.push((1000 * done) / (performance.now() - began));
  }
  return values;
}

/** What computed: `device` tells a peer where to compute as well. */
export function computedOn({ name, version, device, threads }: BackendInfo): Record<string, string | number> {
  return { backend: name, version, device, threads };
}

/** The most memory that this process held. */
export function peakMemory(): string {
  return `${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`;
}

/** The value below which the share `q` of `values` lies, linearly interpolated. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = q * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Slope of the least-squares line through the points. */
export function slope(points: readonly { x: number; y: number }[]): number {
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / points.length;
  let over = 0;
  let under = 0;
  for (const { x, y } of points) {
    over += (x - meanX) * (y - meanY);
    under += (x - meanX) ** 2;
  }
  return over / under;
}
