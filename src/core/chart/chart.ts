/** Curves as inline SVG: no script, and no more points than a screen can show; colours come from the page (style.ts). */
import { html, type Markup } from '../html.js';
import { linearAxis, logarithmicAxis, thin, tickLabel, type Axis, type Bucket, type Point } from './scale.js';
import { numbersTable } from './table.js';

export interface ChartLine {
  name: string;
  /** By rising x. Points that are no numbers are left out. */
  points: readonly Point[];
}

export interface Chart {
  /** Tells it from the other charts of the page; letters, digits and "-". */
  id: string;
  /** With the unit. */
  title: string;
  /** What a screen reader says instead of the drawing; by default where each line begins and ends. */
  description?: string;
  /** What x counts: `step` or `epoch`. */
  across: string;
  lines: readonly ChartLine[];
  /** Upright lines with a word each. */
  marks?: readonly { x: number; label: string; kind: 'best' | 'stage' }[];
  /** Powers of ten, if all values are positive. */
  logarithmic?: boolean;
  /** Upper end of the vertical axis, where that is known beforehand. */
  top?: number;
  /** Number of the first line's colour, from 0. */
  colour?: number;
  /** Whether a table to open repeats the values; true by default. */
  table?: boolean;
}

/** In units of the drawing: about a pixel each, on a phone as on a desk. */
const WIDTH = 340;
const HEIGHT = 220;
const RIGHT = 14;
const BOTTOM = 38;
const MARK_HEIGHT = 14;
const LETTER = 6.8; // widest digit at 12 px
/** Points of a line that are drawn. */
const BUCKETS = 170;
/** Classes in the style sheet. */
const COLOURS = 7;
const DASHES = 4;

/** Nothing where no line has a point. */
export function lineChart(chart: Chart): Markup {
  const lines = chart.lines.map(({ name, points }) => ({
    name,
    points: points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)),
  }));
  const [first, last] = range(
    lines.flatMap(({ points }) => [points[0], points.at(-1)!]).filter(Boolean),
    'x',
  );
  if (first > last) return html``;
  const extent = lines.map(({ points }) => range(points, 'y'));
  const low = Math.min(...extent.map(([least]) => least));
  const high = Math.max(...extent.map(([, most]) => most));
  const vertical =
    chart.logarithmic && low > 0
      ? logarithmicAxis(low, high)
      : linearAxis(Math.min(0, low), chart.top ?? Math.max(0, high), { ends: 'round' });
  const horizontal = linearAxis(first, last, { ends: 'exact', most: 5, whole: true });

  const marks = (chart.marks ?? []).filter(({ x }) => x >= first && x <= last);
  const top = 12 + MARK_HEIGHT * marks.length;
  const left = 12 + LETTER * Math.max(...vertical.ticks.map((tick) => tickLabel(tick).length));
  const x = (value: number) => rounded(left + horizontal.place(value) * (WIDTH - left - RIGHT));
  const y = (value: number) => rounded(HEIGHT - BOTTOM - vertical.place(value) * (HEIGHT - BOTTOM - top));
  const drawn = lines.map(({ points }) => thin(points, BUCKETS, first, last));
  const style = (i: number) => {
    const at = i + (chart.colour ?? 0);
    return `c${at % COLOURS} d${i % DASHES}`;
  };
  return html`<figure class="chart">
    <figcaption>${chart.title}</figcaption>
    <svg
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      role="img"
      aria-labelledby="${chart.id}-title ${chart.id}-description"
    >
      <title id="${chart.id}-title">${chart.title}</title>
      <desc id="${chart.id}-description">${chart.description ?? describe(chart.across, lines)}</desc>
      ${grid(vertical, left, y)}
      ${horizontal.ticks.map(
        (tick) =>
          html`<text x="${x(tick)}" y="${HEIGHT - BOTTOM + 17}" text-anchor="middle"
            >${tickLabel(tick)}</text
          >`,
      )}
      <text x="${(left + WIDTH - RIGHT) / 2}" y="${HEIGHT - 5}" text-anchor="middle">${chart.across}</text>
      ${uprights(marks, left, x)} ${drawn.length === 1 ? band(drawn[0], style(0), x, y) : ''}
      ${drawn.map((points, i) => curve(points, style(i), x, y))}
    </svg>
    ${lines.length > 1 ? legend(lines, style) : ''}
    ${chart.table === false ? '' : numbersTable(chart.across, lines)}
  </figure>`;
}

const rounded = (value: number): number => Number(value.toFixed(1));

/** Least and most; (Infinity, -Infinity) of nothing. */
function range(points: readonly Point[], of: 'x' | 'y'): [number, number] {
  let [least, most] = [Infinity, -Infinity];
  for (const point of points) {
    least = Math.min(least, point[of]);
    most = Math.max(most, point[of]);
  }
  return [least, most];
}

function describe(across: string, lines: readonly ChartLine[]): string {
  return lines
    .filter(({ points }) => points.length > 0)
    .map(({ name, points }) => {
      const [first, last] = [points[0], points[points.length - 1]];
      const at = ({ x, y }: Point) => `${Number(y.toPrecision(3))} at ${across} ${x}`;
      return `${name}: ${at(first)}${points.length > 1 ? `, ${at(last)}` : ''}`;
    })
    .join('; ');
}

function grid(axis: Axis, left: number, y: (value: number) => number): Markup[] {
  return axis.ticks.map(
    (tick) =>
      html`<line class="grid" x1="${left}" x2="${WIDTH - RIGHT}" y1="${y(tick)}" y2="${y(tick)}" /><text
          x="${left - 6}"
          y="${rounded(y(tick) + 4)}"
          text-anchor="end"
          >${tickLabel(tick)}</text
        >`,
  );
}

/** Labels above the curves, one below the other. */
function uprights(marks: NonNullable<Chart['marks']>, left: number, x: Place): Markup[] {
  const foot = (i: number) => MARK_HEIGHT * (i + 1);
  const line = (i: number) =>
    html`<line
      class="mark ${marks[i].kind}"
      x1="${x(marks[i].x)}"
      x2="${x(marks[i].x)}"
      y1="${foot(i) + 3}"
      y2="${HEIGHT - BOTTOM}"
    />`;
  const label = (i: number) => {
    const half = (LETTER * marks[i].label.length) / 2;
    const middle = rounded(Math.min(Math.max(x(marks[i].x), left + half), WIDTH - 4 - half));
    return html`<text class="mark-label" x="${middle}" y="${foot(i)}" text-anchor="middle">
      ${marks[i].label}
    </text>`;
  };
  // Labels behind all lines: they cover those that cross them.
  return [...marks.map((_, i) => line(i)), ...marks.map((_, i) => label(i))];
}

type Place = (value: number) => number;

/** What lies behind the means, where points were put together. */
function band(points: readonly Bucket[], style: string, x: Place, y: Place): Markup | string {
  if (points.every(({ low, high }) => low === high)) return '';
  const up = points.map((point) => `${x(point.x)},${y(point.high)}`);
  const back = points.map((point) => `${x(point.x)},${y(point.low)}`).reverse();
  return html`<polygon class="${style}" points="${[...up, ...back].join(' ')}" />`;
}

/** With a dot at its end, which also shows a line of one point. */
function curve(points: readonly Bucket[], style: string, x: Place, y: Place): Markup | string {
  const end = points.at(-1);
  if (!end) return '';
  const path = points.map((point) => `${x(point.x)},${y(point.y)}`).join(' ');
  return html`<polyline class="${style}" points="${path}" /><circle
      class="${style}"
      cx="${x(end.x)}"
      cy="${y(end.y)}"
      r="3"
    />`;
}

function legend(lines: readonly ChartLine[], style: (i: number) => string): Markup {
  return html`<ul class="legend">
    ${lines.map(
      ({ name }, i) =>
        html`<li>
          <svg viewBox="0 0 26 8" aria-hidden="true">
            <polyline class="${style(i)}" points="0,4 26,4" />
          </svg>
          ${name}
        </li>`,
    )}
  </ul>`;
}
