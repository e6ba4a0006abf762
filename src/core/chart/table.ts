/** The values of a chart as a table to open: for those who do not see it, and for those who want numbers. */
import { html, type Markup } from '../html.js';
import type { Point } from './scale.js';

/** Rows of a table; of longer curves a row is the mean over a range. */
const ROWS = 20;

export function numbersTable(
  across: string,
  lines: readonly { name: string; points: readonly Point[] }[],
): Markup {
  return html`<details>
    <summary>Numbers</summary>
    <div class="scroll" tabindex="0">
      <table>
        <thead>
          <tr>
            <th scope="col">${across}</th>
            ${lines.map(({ name }) => html`<th scope="col" class="number">${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rowsOf(lines.map(({ points }) => points)).map(
            ({ from, to, values }) =>
              html`<tr>
                <th scope="row">${from === to ? from : `${from} to ${to}`}</th>
                ${values.map(
                  (value) =>
                    html`<td class="number">${value === undefined ? '' : Number(value.toPrecision(4))}</td>`,
                )}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </details>`;
}

interface Row {
  from: number;
  to: number;
  /** Of each line; undefined: it has no point there. */
  values: (number | undefined)[];
}

/** @param lines each by rising x */
function rowsOf(lines: readonly (readonly Point[])[]): Row[] {
  const places = [...new Set(lines.flatMap((points) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const size = Math.max(1, places.length / ROWS);
  const rows = Array.from({ length: Math.min(places.length, ROWS) }, (_, i): Row & { counts: number[] } => ({
    from: places[Math.round(i * size)],
    to: places[Math.round((i + 1) * size) - 1],
    values: lines.map(() => undefined),
    counts: lines.map(() => 0),
  }));
  lines.forEach((points, line) => {
    let at = 0;
    for (const { x, y } of points) {
      while (x > rows[at].to) at++;
      const { values, counts } = rows[at];
      const mean = values[line] ?? 0;
      values[line] = mean + (y - mean) / ++counts[line];
    }
  });
  return rows;
}
