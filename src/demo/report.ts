/** The demo's report: one HTML page that needs nothing else, neither network nor script. */
import { CHART_STYLE, dataUrl, html, htmlPage, lineChart, Markup } from '../core/index.js';
import { attentionVeil } from '../infer/index.js';
import { REPORT_STYLE } from './report-style.js';

export interface ReportPicture {
  /** File name, or what else tells the pictures apart. */
  name: string;
  /** The picture as a browser shows it. */
  mime: 'image/svg+xml' | 'image/png' | 'image/jpeg';
  bytes: Uint8Array;
  /** Width over height of what the model saw. */
  aspect: number;
  /** The caption as a sentence, and the words it was decoded from. */
  caption: string;
  words: string[];
  /** Natural logarithm of the caption's probability. */
  logProbability: number;
  /** Per word (height x width) weights over the feature map. */
  attention: { height: number; width: number; maps: ArrayLike<number>[] };
  /** Human or generated captions to compare with; none for photos. */
  references: string[];
  /** Whether the caption's words equal one of the references. */
  exact: boolean;
}

export interface ReportData {
  /** The command that made this report. */
  command: string;
  /** Large figures under the title: `['0.95', 'BLEU-4 on ...']`. */
  figures: [value: string, what: string][];
  /** Paragraphs on what was done. */
  story: string[];
  history: { epoch: number; loss: number; bleu4: number }[];
  /** Rows of the scores table: BLEU-1..4 as shares of 1, and the share of captions equal to a reference. */
  scores: { decoding: string; bleu: number[]; exact: number }[];
  protocol: [what: string, value: string][];
  scenes: ReportPicture[];
  /** Captions of the shipped checkpoint, or why there are none. */
  photos: { checkpoint: string; pictures: ReportPicture[] } | { missing: string };
}

export async function renderReport(data: ReportData): Promise<string> {
  const scenes = await Promise.all(data.scenes.map(card));
  return htmlPage({
    title: 'showtell demo: a captioner trained from scratch',
    style: REPORT_STYLE + CHART_STYLE,
    body: html`<header>
        <h1>A captioner, trained from scratch</h1>
        ${data.story.map((paragraph) => html`<p>${paragraph}</p>`)}
        <dl class="figures">
          ${data.figures.map(
            ([value, what]) =>
              html`<div>
                <dt>${what}</dt>
                <dd>${value}</dd>
              </div>`,
          )}
        </dl>
      </header>
      <main>
        ${training(data)} ${scores(data)}
        <section aria-labelledby="scenes">
          <h2 id="scenes">Captions of scenes it never saw</h2>
          <p>
            The first ${data.scenes.length} scenes of the test split, not chosen. Under each caption the scene
            is shown once a word: what is clear is where the model looked when it wrote that word, what is
            dark it paid no attention to.
          </p>
          <ol class="cards">
            ${scenes}
          </ol>
        </section>
        ${await photos(data)}
      </main>
      <footer>Made by <code>${data.command}</code>. This file holds everything it shows.</footer>`,
  });
}

function training({ history }: ReportData): Markup {
  if (history.length === 0) return html``;
  const last = history[history.length - 1];
  const curve = (name: string, values: number[]) => [
    { name, points: values.map((y, i) => ({ x: history[i].epoch, y })) },
  ];
  return html`<section aria-labelledby="training">
    <h2 id="training">How it learned</h2>
    <div class="charts">
      ${lineChart({
        id: 'loss',
        title: 'Training loss, nats a word',
        description: `Training loss by epoch, from ${history[0].loss.toFixed(2)} to ${last.loss.toFixed(2)}`,
        across: 'epoch',
        lines: curve(
          'loss',
          history.map(({ loss }) => loss),
        ),
      })}
      ${lineChart({
        id: 'bleu-4',
        title: 'BLEU-4 of validation captions',
        description: `Validation BLEU-4 by epoch, from ${history[0].bleu4.toFixed(2)} to ${last.bleu4.toFixed(2)}`,
        across: 'epoch',
        lines: curve(
          'BLEU-4',
          history.map(({ bleu4 }) => bleu4),
        ),
        top: 1,
        colour: 1,
      })}
    </div>
  </section>`;
}

function scores({ scores, protocol }: ReportData): Markup {
  return html`<section aria-labelledby="scores">
    <h2 id="scores">Scores on the test split</h2>
    <div class="scroll" tabindex="0">
      <table>
        <caption>
          Corpus BLEU of free-running captions; 1 is best
        </caption>
        <thead>
          <tr>
            <th scope="col">Decoding</th>
            ${[1, 2, 3, 4].map((n) => html`<th scope="col" class="number">BLEU-${n}</th>`)}
            <th scope="col" class="number">word for word right</th>
          </tr>
        </thead>
        <tbody>
          ${scores.map(
            ({ decoding, bleu, exact }) =>
              html`<tr>
                <th scope="row">${decoding}</th>
                ${bleu.map((value) => html`<td class="number">${value.toFixed(3)}</td>`)}
                <td class="number">${(100 * exact).toFixed(0)} %</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <div class="scroll" tabindex="0">
      <table>
        <caption>
          Protocol
        </caption>
        <tbody>
          ${protocol.map(
            ([what, value]) =>
              html`<tr>
                <th scope="row">${what}</th>
                <td>${value}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

async function photos({ photos }: ReportData): Promise<Markup> {
  const heading = html`<h2 id="photos">Pictures captioned by the shipped checkpoint</h2>`;
  if ('missing' in photos) {
    return html`<section aria-labelledby="photos">
      ${heading}
      <p>${photos.missing}</p>
    </section>`;
  }
  return html`<section aria-labelledby="photos">
    ${heading}
    <p>
      <code>${photos.checkpoint}</code> was trained on real photos of people and animals (Flickr8k). These
      pictures are drawn, so that they are free to ship: nothing like them was in its training, and its
      captions may well be wrong.
    </p>
    <ol class="cards">
      ${await Promise.all(photos.pictures.map(card))}
    </ol>
  </section>`;
}

async function card(picture: ReportPicture): Promise<Markup> {
  const { attention, references, words } = picture;
  const image = dataUrl(picture.mime, picture.bytes);
  const veils = await Promise.all(
    attention.maps
      .slice(0, words.length)
      .map(async (weights) =>
        dataUrl('image/png', await attentionVeil(weights, attention.height, attention.width)),
      ),
  );
  return html`<li class="card" style="--picture: url(${image}); --aspect: ${picture.aspect}">
    <img src="${image}" alt="${picture.name}: ${references[0] ?? picture.caption}" />
    <div>
      <h3>${picture.caption}</h3>
      ${verdict(picture)}
      <ol class="words" aria-label="Attention for each word">
        ${veils.map(
          (veil, i) =>
            html`<li>
              <div class="veil" style="background-image: url(${veil}), var(--picture)"></div>
              ${words[i]}
            </li>`,
        )}
      </ol>
    </div>
  </li>`;
}

function verdict({ references, exact, logProbability }: ReportPicture): Markup {
  const probability = `probability ${Math.exp(logProbability).toPrecision(2)}`;
  if (references.length === 0) return html`<p class="soft">${probability}</p>`;
  return html`<span class="badge ${exact ? 'exact' : 'other'}"
      >${exact ? 'equals a reference' : 'differs from every reference'}</span
    >
    <span class="soft">${probability}</span>
    <details>
      <summary>${references.length} references</summary>
      <ul>
        ${references.map((reference) => html`<li>${reference}</li>`)}
      </ul>
    </details>`;
}
