/** The comparison of two evaluations as one page that needs nothing else: no script, no request. */
import { dataUrl, html, htmlPage, Markup, PAGE_BASE } from '../core/index.js';
import type { ComparedImage, Comparison } from './compare.js';
import { PAGE_STYLE } from './compare-style.js';
import { metricNames } from './score.js';
import { asPercent, protocolRows, statisticsRows } from './wording.js';

export interface PageOptions {
  /** images shown of each kind, 20 by default */
  shown?: number;
  /** JPEG of an image by its name, where there is one */
  thumbnails?: ReadonlyMap<string, Uint8Array>;
}

export function comparePage(
  comparison: Comparison,
  { shown = 20, thumbnails = new Map() }: PageOptions = {},
): string {
  const { names, by, images, same } = comparison;
  const better = images.filter(({ change }) => change > 0).slice(0, shown);
  const worse = images
    .filter(({ change }) => change < 0)
    .reverse()
    .slice(0, shown);
  const count = (sign: number) => images.filter(({ change }) => Math.sign(change) === sign).length;
  return htmlPage({
    title: `${names.a} and ${names.b}`,
    style: PAGE_BASE + PAGE_STYLE,
    body: html`<header>
        <h1>Two captioners compared</h1>
        <p><span class="a">A</span> ${names.a}<br /><span class="b">B</span> ${names.b}</p>
      </header>
      <main>
        <section>
          <h2>Scores</h2>
          <p class="note">
            Times 100. Interval and p by paired bootstrap: ${comparison.bootstrap.samples} samples of the
            images, seed ${comparison.bootstrap.seed}. An interval that holds 0 is no proof of a difference.
          </p>
          <div class="scroll">
            <table>
              <thead>
                <tr>
                  <th>metric</th>
                  <th class="number">A</th>
                  <th class="number">B</th>
                  <th class="number">B - A</th>
                  <th class="number">95 % interval</th>
                  <th class="number">p</th>
                </tr>
              </thead>
              <tbody>
                ${metricNames.flatMap((name) => metricRow(name, comparison))}
              </tbody>
            </table>
          </div>
        </section>
        <section>
          <h2>Captions</h2>
          <div class="scroll">
            <table>
              <thead>
                <tr>
                  <th></th>
                  <th>A</th>
                  <th>B</th>
                </tr>
              </thead>
              <tbody>
                ${sideBySide(statisticsRows(comparison.statistics.a), statisticsRows(comparison.statistics.b))}
              </tbody>
            </table>
          </div>
        </section>
        <section>
          <h2>Protocol</h2>
          <div class="scroll">
            <table>
              <thead>
                <tr>
                  <th></th>
                  <th>A</th>
                  <th>B</th>
                </tr>
              </thead>
              <tbody>
                ${sideBySide(protocolRows(comparison.a), protocolRows(comparison.b))}
              </tbody>
            </table>
          </div>
        </section>
        <section>
          <h2>What changed</h2>
          <p>
            By ${by} of the single image B is better for ${count(1)} images, worse for ${count(-1)}, equal
            with other words for ${count(0)}; for ${same} the captions are the same.
          </p>
        </section>
        ${list('Better with B', better, comparison, thumbnails)}
        ${list('Worse with B', worse, comparison, thumbnails)}
      </main>`,
  });
}

function metricRow(name: (typeof metricNames)[number], { metrics }: Comparison): Markup[] {
  const found = metrics[name];
  if (!found) return [];
  const { a, b, difference, interval, p } = found;
  const sure = interval[0] > 0 ? 'gain' : interval[1] < 0 ? 'loss' : 'unsure';
  return [
    html`<tr>
      <th scope="row">${name}</th>
      <td class="number">${asPercent(a)}</td>
      <td class="number">${asPercent(b)}</td>
      <td class="number ${sure}">${signed(difference)}</td>
      <td class="number">${signed(interval[0])} to ${signed(interval[1])}</td>
      <td class="number">${p < 0.001 ? '< 0.001' : p.toFixed(3)}</td>
    </tr> `,
  ];
}

export const signed = (difference: number) => `${difference < 0 ? '' : '+'}${asPercent(difference)}`;

/** Rows of both, in the order of the first; what differs stands out. */
function sideBySide(a: [string, string][], b: [string, string][]): Markup[] {
  const other = new Map(b);
  const labels = [...new Set([...a, ...b].map(([label]) => label))];
  const own = new Map(a);
  return labels.map((label) => {
    const [left, right] = [own.get(label) ?? 'none', other.get(label) ?? 'none'];
    return html`<tr class="${left === right ? 'alike' : 'differs'}">
      <th scope="row">${label}</th>
      <td>${left}</td>
      <td>${right}</td>
    </tr> `;
  });
}

function list(
  title: string,
  images: ComparedImage[],
  { by }: Comparison,
  thumbnails: ReadonlyMap<string, Uint8Array>,
): Markup {
  if (images.length === 0)
    return html`<section>
      <h2>${title}</h2>
      <p>No image.</p>
    </section>`;
  const cards = images.map((image) => {
    const photo = thumbnails.get(image.image);
    return html`<li class="card${photo ? '' : ' bare'}">
      ${photo ? html`<img src="${dataUrl('image/jpeg', photo)}" alt="${image.image}" loading="lazy" />` : ''}
      <div>
        <p class="name">
          ${image.image}
          <span class="${image.change > 0 ? 'gain' : 'loss'}">${by} ${signed(image.change)}</span>
        </p>
        <p><span class="a">A</span> ${image.a || '(no word)'}</p>
        <p><span class="b">B</span> ${image.b || '(no word)'}</p>
        <details>
          <summary>${image.references.length} references</summary>
          <ul>
            ${image.references.map((reference) => html`<li>${reference}</li>`)}
          </ul>
        </details>
      </div>
    </li> `;
  });
  return html`<section>
    <h2>${title}</h2>
    <ul class="cards">
      ${cards}
    </ul>
  </section>`;
}
