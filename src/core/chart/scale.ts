/** Where values lie on the axes of a chart, and curves of many points made of few. */

export interface Point {
  x: number;
  y: number;
}

export interface Axis {
  ticks: number[];
  /** Share of the axis, 0..1 from its low end. */
  place(value: number): number;
}

/** Some points in one: their means, and the range of their values. */
export interface Bucket extends Point {
  low: number;
  high: number;
}

/**
 * @param ends `round`: the axis begins and ends at a tick; `exact`: at the values given
 * @param most ticks, about
 * @param whole ticks at whole numbers only
 */
export function linearAxis(
  low: number,
  high: number,
  { ends, most = 5, whole = false }: { ends: 'round' | 'exact'; most?: number; whole?: boolean },
): Axis {
  const span = high - low || Math.abs(high) || 1;
  const step = Math.max(whole ? 1 : 0, roundStep(span / most, whole));
  const round = ends === 'round';
  let first = round ? Math.floor(low / step + 1e-9) : Math.ceil(low / step - 1e-9);
  let last = round ? Math.ceil(high / step - 1e-9) : Math.floor(high / step + 1e-9);
  if (round && last === first) [first, last] = low < 0 ? [first - 1, last] : [first, last + 1];
  const ticks = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
  const [start, end] = round ? [first * step, last * step] : [low, high];
  return { ticks, place: (value) => (end > start ? (value - start) / (end - start) : 0.5) };
}

/** Of positive values, by powers of ten. */
export function logarithmicAxis(low: number, high: number): Axis {
  const first = Math.floor(Math.log10(low) + 1e-9);
  const last = Math.max(first + 1, Math.ceil(Math.log10(high) - 1e-9));
  const step = Math.ceil((last - first) / 6);
  const ticks: number[] = [];
  for (let power = first; power <= last; power += step) ticks.push(10 ** power);
  return { ticks, place: (value) => (Math.log10(value) - first) / (last - first) };
}

/** The smallest of 1, 2, 2.5 and 5 times a power of ten that is not below `value`. */
function roundStep(value: number, whole: boolean): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const steps = whole && power < 10 ? [1, 2, 5] : [1, 2, 2.5, 5];
  return (steps.find((step) => step * power >= value * (1 - 1e-9)) ?? 10) * power;
}

/** As in `12k`, `0.25`, `4e-4`. */
export function tickLabel(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e15) return value.toExponential(0).replace('+', '');
  for (const [unit, letter] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (size >= 10 * unit || (size >= unit && unit > 1e3)) return `${numeral(value / unit)}${letter}`;
  }
  return size > 0 && size < 1e-3 ? value.toExponential().replace(/(\.\d)\d*/, '$1') : numeral(value);
}

const numeral = (value: number): string => String(Number(value.toPrecision(4)));

/**
 * At most `count` buckets of equal width between `first` and `last`; a curve with no more points than that stays as it is.
 * @param points by rising x
 */
export function thin(points: readonly Point[], count: number, first: number, last: number): Bucket[] {
  if (points.length <= count) return points.map(({ x, y }) => ({ x, y, low: y, high: y }));
  const width = (last - first) / count;
  const buckets: Bucket[] = [];
  let size = 0;
  let current = -1;
  for (const { x, y } of points) {
    const index = Math.min(count - 1, Math.floor((x - first) / width));
    if (index !== current) {
      buckets.push({ x: 0, y: 0, low: y, high: y });
      [current, size] = [index, 0];
    }
    const bucket = buckets[buckets.length - 1];
    size++;
    bucket.x += (x - bucket.x) / size;
    bucket.y += (y - bucket.y) / size;
    bucket.low = Math.min(bucket.low, y);
    bucket.high = Math.max(bucket.high, y);
  }
  return buckets;
}
