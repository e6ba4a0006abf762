/** Captions of the same validation images over time, or by several trainings. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { dataUrl, html, type Markup } from '../../core/index.js';
import { thumbnails } from '../../evaluation/index.js';
import { spread, type ReportedRun } from './data.js';

/** Epochs that are shown of each image. */
const EPOCHS = 24;
/** Longer side of a thumbnail, in pixels. */
const SIDE = 240;

/** JPEGs by the names of the images. */
export type Photos = ReadonlyMap<string, Uint8Array>;

/** Those of the sample captions, as far as their files are there: 10 kB each. */
export async function samplePhotos(runs: readonly ReportedRun[]): Promise<Photos> {
  const images = [
    ...new Set(runs.flatMap(({ epochs }) => (epochs.at(-1)?.samples ?? []).map(({ image }) => image))),
  ];
  const fileOf = (image: string) =>
    runs.map(({ run }) => join(run.config.data.images, image)).find((path) => existsSync(path));
  return thumbnails(fileOf, images, SIDE);
}

interface Row {
  label: string;
  caption: string;
  best: boolean;
}

/** One training: a row an epoch; several: a row a training, at its best epoch. */
export function samplesSection(runs: readonly ReportedRun[], photos: Photos): Markup {
  const cards = new Map<string, Row[]>();
  const add = (image: string, row: Row) => {
    if (!cards.has(image)) cards.set(image, []);
    cards.get(image)!.push(row);
  };
  for (const { name, run, epochs } of runs) {
    const shown =
      runs.length > 1
        ? epochs.filter(({ epoch }) => epoch === run.best?.epoch)
        : spread(epochs, run.best, EPOCHS);
    for (const { epoch, samples } of shown) {
      const label = runs.length > 1 ? `${name}, epoch ${epoch}` : `epoch ${epoch}`;
      const best = runs.length === 1 && epoch === run.best?.epoch;
      for (const { image, caption } of samples) add(image, { label, caption, best });
    }
  }
  if (cards.size === 0) return html``;
  return html`<section aria-labelledby="samples">
    <h2 id="samples">Sample captions</h2>
    <p class="note">
      Free-running greedy captions of the first images of the validation split,
      ${runs.length > 1 ? 'by each training at its best epoch' : 'after each epoch'}.
    </p>
    <ul class="cards">
      ${[...cards].map(([image, rows]) => card(image, rows, photos.get(image)))}
    </ul>
  </section>`;
}

function card(image: string, rows: readonly Row[], photo: Uint8Array | undefined): Markup {
  return html`<li class="card${photo ? '' : ' bare'}">
    ${photo ? html`<img src="${dataUrl('image/jpeg', photo)}" alt="" />` : ''}
    <table>
      <caption>
        ${image}
      </caption>
      <tbody>
        ${rows.map(
          ({ label, caption, best }) =>
            html`<tr${best ? ' class=best' : ''}>
              <th scope="row">${label}${best ? ', best' : ''}</th>
              <td>${caption || '(no word)'}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </li>`;
}
