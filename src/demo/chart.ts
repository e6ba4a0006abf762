/** A line chart of one series over epochs as inline SVG; its colours come from the page's style. */
import { html, type Markup } from '../core/index.js';

export interface Series {
  title: string;
  /** What a screen reader says instead of the drawing. */
  description: string;
  /** Class of the line: `loss` or `score`. */
  className: string;
  points: readonly { epoch: number; value: number }[];
  /** Upper end of the vertical axis, which starts at 0. */
  top: number;
}

const WIDTH = 360;
const HEIGHT = 210;
const LEFT = 38;
const RIGHT = 14;
const TOP = 14;
const BOTTOM = 38;

export function lineChart(series: Series): Markup {
  const { points, top } = series;
  const first = points[0].epoch;
  const last = points[points.length - 1].epoch;
  const x = (epoch: number): number =>
    LEFT + ((epoch - first) / Math.max(1, last - first)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);
  const path = points.map(({ epoch, value }) => `${x(epoch).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  const end = points[points.length - 1];
  return html`<figure class="chart">
    <figcaption>${series.title}</figcaption>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${series.description}">
      ${ticks(top).map(
        (value) =>
          html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}" /><text
              x="${LEFT - 7}"
              y="${y(value) + 4}"
              text-anchor="end"
            >
              ${label(value)}
            </text>`,
      )}
      ${epochs(first, last).map(
        (epoch) =>
          html`<text x="${x(epoch)}" y="${HEIGHT - BOTTOM + 17}" text-anchor="middle">${epoch}</text>`,
      )}
      <text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 5}" text-anchor="middle">epoch</text>
      <polyline class="${series.className}" points="${path}" />
      <circle class="${series.className}" cx="${x(end.epoch)}" cy="${y(end.value)}" r="3.5" />
    </svg>
  </figure>`;
}

/** The smallest of 1, 2, 2.5, 4, 5, 8 times a power of ten that holds `value`. */
export function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return ([1, 2, 2.5, 4, 5, 8].find((step) => step * power >= value) ?? 10) * power;
}

const ticks = (top: number): number[] => [0, 0.25, 0.5, 0.75, 1].map((share) => share * top);

const label = (value: number): string => String(Number(value.toPrecision(3)));

/** About five epochs, whole numbers. */
function epochs(first: number, last: number): number[] {
  const step = Math.max(1, Math.ceil((last - first) / 5));
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => first + i * step);
}
