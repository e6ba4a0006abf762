/** The check of a data set as one page that needs nothing else: no script, no request. */
import { dataUrl, html, htmlPage, Markup, PAGE_BASE } from '../../core/index.js';
import { captionsPerImage, count, percent, sizes, verdict, words } from './lines.js';
import { PAGE_STYLE } from './page-style.js';
import type { CheckReport, Finding, FindingItem, SplitReport } from './report.js';

/** Items shown of a finding, and of those that show images. */
const ITEMS = 50;
const GROUPS = 24;
/** Images shown of one group. */
const GROUP_IMAGES = 6;

/** The images that a page shows, once each. */
export function shownImages({ findings }: CheckReport): string[] {
  return [...new Set(findings.flatMap(({ items }) => items.slice(0, GROUPS).flatMap(shownOf)))];
}

const shownOf = ({ images = [] }: FindingItem): string[] => images.slice(0, GROUP_IMAGES);

/** @param thumbnails JPEG of an image by its name, where there is one */
export function checkPage(
  report: CheckReport,
  thumbnails: ReadonlyMap<string, Uint8Array> = new Map(),
): string {
  const { name, data, findings, stops, vocabulary } = report;
  const tone = stops ? 'error' : findings.some(({ severity }) => severity === 'warning') ? 'warning' : 'good';
  const splits = Object.entries(report.splits);
  return htmlPage({
    title: `Data of ${name}`,
    style: PAGE_BASE + PAGE_STYLE,
    body: html`<header>
        <h1>Data of ${name}</h1>
        <p class="verdict ${tone}">${verdict(report)}</p>
        <p class="soft">${data.format}, images in ${data.images}</p>
      </header>
      <main>
        <section>
          <h2>Findings</h2>
          ${findings.length === 0 ? html`<p>None.</p>` : findings.map((each) => finding(each, thumbnails))}
        </section>
        <section>
          <h2>Splits</h2>
          <div class="scroll">
            <table>
              <thead>
                <tr>
                  <th></th>
                  <th class="number">images</th>
                  <th class="number">captions</th>
                  <th>an image</th>
                  <th>words of a caption</th>
                  <th class="number">different words</th>
                  <th class="number">covered</th>
                </tr>
              </thead>
              <tbody>
                ${splits.map(([split, each]) => splitRow(split, each))}
              </tbody>
            </table>
          </div>
          <p class="soft">${sizes(report)}.</p>
        </section>
        <section>
          <h2>Length of the captions</h2>
          ${splits.map(([split, each]) => lengthChart(split, each, report.text.maxWords))}
        </section>
        <section>
          <h2>Words outside of the vocabulary</h2>
          ${
            vocabulary
              ? html`<p>
                  The vocabulary has ${count(vocabulary.size)} entries, of ${count(vocabulary.types)} words in
                  the training captions (text.minCount ${vocabulary.minCount}).
                </p>`
              : html`<p>There is no vocabulary.</p>`
          }
          ${splits.map(([split, each]) => (split === 'train' ? '' : unknownWords(split, each)))}
        </section>
      </main>`,
  });
}

function finding(
  { severity, message, count: all, items }: Finding,
  thumbnails: ReadonlyMap<string, Uint8Array>,
): Markup {
  const grouped = items.some(({ images }) => images !== undefined);
  const shown = items.slice(0, grouped ? GROUPS : ITEMS);
  const more = all > shown.length ? html`<p class="soft">and ${count(all - shown.length)} more</p>` : '';
  return html`<details class="finding" ${severity === 'error' ? new Markup('open') : ''}>
    <summary><b class="${severity}">${severity}</b>${message}</summary>
    <ul ${grouped ? new Markup('class="pairs"') : ''}>
      ${shown.map((item) => html`<li>${pictures(item, thumbnails)}${item.text}</li> `)}
    </ul>
    ${more}
  </details> `;
}

function pictures(item: FindingItem, thumbnails: ReadonlyMap<string, Uint8Array>): Markup | string {
  const found = shownOf(item).flatMap((image) => {
    const photo = thumbnails.get(image);
    return photo ? [html`<img src="${dataUrl('image/jpeg', photo)}" alt="${image}" loading="lazy" />`] : [];
  });
  return found.length > 0 ? html`<div>${found}</div>` : '';
}

function splitRow(name: string, split: SplitReport): Markup {
  return html`<tr>
    <th scope="row">${name}</th>
    <td class="number">${count(split.images)}</td>
    <td class="number">${count(split.captions)}</td>
    <td>${captionsPerImage(split)}</td>
    <td>${words(split)}</td>
    <td class="number">${count(split.types)}</td>
    <td class="number">${split.covered === null ? '' : percent(split.covered)}</td>
  </tr> `;
}

/** Bars of how many captions have how many words; those that training cuts stand out. */
function lengthChart(
  name: string,
  { lengths, captions, words: { most } }: SplitReport,
  maxWords: number,
): Markup {
  const [width, height, base] = [640, 130, 110];
  const highest = Math.max(1, ...lengths);
  const step = width / Math.max(1, lengths.length);
  const bars = lengths.map((n, i) => {
    const tall = (n / highest) * base;
    const cut = i > maxWords ? new Markup('class="cut"') : '';
    return html`<rect
      ${cut}
      x="${(i * step).toFixed(2)}"
      y="${(base - tall).toFixed(2)}"
      width="${(step * 0.85).toFixed(2)}"
      height="${tall.toFixed(2)}"
      ><title>${i} words: ${count(n)} captions</title></rect
    >`;
  });
  const every = [1, 2, 5, 10, 20, 50, 100].find((n) => lengths.length / n <= 20) ?? 500;
  const labels = lengths.flatMap((_, i) =>
    i % every === 0
      ? [html`<text x="${((i + 0.42) * step).toFixed(2)}" y="${height - 4}" text-anchor="middle">${i}</text>`]
      : [],
  );
  return html`<figure>
    <figcaption>
      ${name}: ${count(captions)} captions by their number of
      words${most > maxWords ? `; beyond ${maxWords} they are cut` : ''}
    </figcaption>
    <svg
      viewBox="0 0 ${width} ${height}"
      role="img"
      aria-label="Captions of the ${name} split by their number of words"
    >
      ${bars}${labels}
    </svg>
  </figure>`;
}

function unknownWords(name: string, { unknown }: SplitReport): Markup | string {
  if (unknown.length === 0) return '';
  return html`<h3>${name}</h3>
    <p>${unknown.map(([word, n]) => `${word} (${count(n)})`).join(', ')}</p>`;
}
