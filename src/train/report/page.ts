/** A training, or several, as one page that needs nothing else: no script, no request. */
import { CHART_STYLE, html, htmlPage, Markup, PAGE_BASE } from '../../core/index.js';
import { duration, newestOf, settingsApart, type TrainingRun } from '../runs.js';
import { trainingCharts, validationCharts } from './curves.js';
import { spread, type ReportedRun } from './data.js';
import { samplesSection, type Photos } from './samples.js';
import { settingsSection } from './settings.js';
import { REPORT_STYLE } from './style.js';
import { percent } from '../validate.js';

const LONG_CURVES = html`<p class="note">
  A point of a long curve is a mean; the pale band is the range of what it is the mean of.
</p>`;

/** Epochs in the table. */
const EPOCHS = 200;

export interface PageContext {
  photos: Photos;
  /** When the page is made. */
  now: Date;
}

/** One training: all of it; several: what sets them apart. */
export function reportPage(runs: readonly ReportedRun[], { photos, now }: PageContext): string {
  const [{ run, facts, epochs }] = runs;
  const single = runs.length === 1;
  const title = single ? run.config.name : `${runs.length} trainings compared`;
  return htmlPage({
    title: title,
    style: PAGE_BASE + REPORT_STYLE + CHART_STYLE,
    policy:
      "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    body: html`<header>
        <h1>${title}</h1>
        ${single && run.config.about ? html`<p class="note">${run.config.about}</p>` : ''}
        ${single ? figures(run) : ''}
      </header>
      <main>
        ${single ? '' : overview(runs)}
        ${chartSection('training', 'Training', trainingCharts(runs), LONG_CURVES)}
        ${chartSection('validation', 'Validation', validationCharts(runs), single ? epochTable(epochs, run) : '')}
        ${samplesSection(runs, photos)} ${single ? factsSection(facts) : ''}
        ${single ? settingsSection(run.config) : ''}
      </main>
      <footer>
        State of ${now.toISOString().slice(0, 16).replace('T', ' ')} UTC. This file holds everything it shows.
      </footer>`,
  });
}

function figures(run: TrainingRun): Markup {
  const { state, epochs, allEpochs, best } = run;
  const newest = newestOf(run);
  const shown: [string, string][] = [
    ['state', state],
    ['epochs', `${epochs} of ${allEpochs}`],
    ...(best
      ? ([
          ['best epoch', String(best.epoch)],
          ['its BLEU-4', percent(best.validation.bleu[3])],
          ['its CIDEr-D', percent(best.validation.ciderD)],
        ] satisfies [string, string][])
      : []),
    ...(newest
      ? ([
          ['time of training', duration(newest.seconds)],
          ['words a second', newest.wordsPerSecond.toFixed(0)],
        ] satisfies [string, string][])
      : []),
  ];
  return html`<dl class="figures">
    ${shown.map(
      ([what, value]) =>
        html`<div>
          <dt>${what}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

function chartSection(id: string, title: string, charts: Markup[], more: Markup | string = ''): Markup {
  if (charts.every(({ text }) => text === '')) return html``;
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    <div class="charts">${charts}</div>
    ${more}
  </section>`;
}

/** Head and rows; the first column names its row. */
function table(head: string[], rows: { cells: string[]; best?: boolean }[]): Markup {
  return html`<div class="scroll" tabindex="0">
    <table>
      <thead>
        <tr>
          ${head.map((cell, i) => html`<th scope="col" class="${i > 0 ? 'number' : ''}">${cell}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({ cells: [name, ...values], best }) =>
            html`<tr class="${best ? 'best' : ''}">
              <th scope="row">${name}</th>
              ${values.map((value) => html`<td class="number">${value}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const SCORES = ['BLEU-1', 'BLEU-2', 'BLEU-3', 'BLEU-4', 'CIDEr-D'];

function epochTable(epochs: ReportedRun['epochs'], { best }: TrainingRun): Markup {
  const shown = spread(epochs, best, EPOCHS);
  const rewarded = epochs.some(({ reward }) => reward !== undefined);
  const rows = shown.map(({ epoch, trainLoss, reward, validation, wordsPerSecond, seconds }) => ({
    best: epoch === best?.epoch,
    cells: [
      epoch === best?.epoch ? `${epoch}, best` : String(epoch),
      ...[...validation.bleu, validation.ciderD].map(percent),
      trainLoss?.toFixed(3) ?? '',
      ...(rewarded ? [reward === undefined ? '' : percent(reward)] : []),
      wordsPerSecond.toFixed(0),
      duration(seconds),
    ],
  }));
  return html`<details>
    <summary>
      ${shown.length === epochs.length ? 'All epochs' : `${shown.length} of ${epochs.length} epochs`}
    </summary>
    ${table(['epoch', ...SCORES, 'loss', ...(rewarded ? ['reward'] : []), 'words/s', 'time'], rows)}
  </details>`;
}

function overview(runs: readonly ReportedRun[]): Markup {
  const rows = runs.map(({ name, run }) => {
    const { state, epochs, allEpochs, best } = run;
    const newest = newestOf(run);
    const scores = best
      ? [...best.validation.bleu, best.validation.ciderD].map(percent)
      : SCORES.map(() => '');
    return {
      cells: [
        ...[name, state, `${epochs}/${allEpochs}`, best ? String(best.epoch) : '', ...scores],
        ...(newest ? [newest.wordsPerSecond.toFixed(0), duration(newest.seconds)] : ['', '']),
      ],
    };
  });
  const apart = settingsApart(runs.map(({ run }) => run));
  return html`<section aria-labelledby="trainings">
    <h2 id="trainings">Trainings</h2>
    <p class="note">Scores of the best epoch, times 100, on each training's own validation images.</p>
    ${table(['training', 'state', 'epochs', 'best', ...SCORES, 'words/s', 'time'], rows)}
    ${
      apart.length === 0
        ? ''
        : html`<h2>Settings that differ</h2>
            ${table(
              ['setting', ...runs.map(({ name }) => name)],
              apart.map(({ key, values }) => ({ cells: [key, ...values] })),
            )}`
    }
  </section>`;
}

function factsSection(facts: ReportedRun['facts']): Markup {
  if (facts.length === 0) return html``;
  return html`<section aria-labelledby="data">
    <h2 id="data">Data</h2>
    <table>
      <tbody>
        ${facts.map(
          ([what, value]) =>
            html`<tr>
              <th scope="row">${what}</th>
              <td class="number">${value}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </section>`;
}
