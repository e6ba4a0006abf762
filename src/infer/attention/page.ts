/**
 * An animated page of where the decoder looked: the words of a caption are buttons, each with its veil over the photo.
 * One HTML file that needs nothing else; its content security policy forbids every request.
 */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { dataUrl, html, htmlPage, Markup } from '../../core/index.js';
import { attentionOf, type Attention, type AttendedCaption } from './attention.js';
import { measureCoverage, measureWord, type WordAttention } from './measures.js';
import { PAGE_SCRIPT } from './page-script.js';
import { PAGE_STYLE } from './page-style.js';
import { decodePhoto } from './picture.js';
import { asFractions, coversPhoto, type Region, type Size } from './region.js';
import { attentionVeil } from './veil.js';

/** Longer side of a photo on the page, in pixels; larger ones are made smaller. */
const PHOTO_SIDE = 1024;
const JPEG_QUALITY = 82;
/** Pixels of a veil for each cell, per side. */
const VEIL_PIXELS = 8;

export interface PageImage {
  /** What the page calls the image. */
  name: string;
  /** The path or bytes that were captioned. */
  image: string | Uint8Array;
  /** With its attention. */
  caption: AttendedCaption;
}

/**
 * @param images in the order of the page; each adds about 100 KB. Photos are written anew, without their metadata.
 * @throws UserError for a caption without attention, or an image that is not the captioned one
 */
export async function attentionPage(images: readonly PageImage[]): Promise<string> {
  const players: Markup[] = [];
  // One after another: a decoded photo may take 300 MB.
  for (const image of images) players.push(await player(image));
  const policy = [
    "default-src 'none'",
    'img-src data:',
    "style-src 'unsafe-inline'",
    `script-src 'sha256-${createHash('sha256').update(PAGE_SCRIPT).digest('base64')}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const script = new Markup(`<script>${PAGE_SCRIPT}</script>`); // the policy's hash covers every character between
  return htmlPage({
    title: `Attention: ${images.length === 1 ? images[0].caption.text : `${images.length} captions`}`,
    style: PAGE_STYLE,
    policy: policy,
    body: html`<header>
        <h1>Where the model looked</h1>
        <p>
          Play a caption, or choose a word: what stays clear is where the model looked when it wrote that
          word. The bar under a word says how widely it looked, from one place to everywhere.
        </p>
        <p class="keys"><kbd>←</kbd> <kbd>→</kbd> choose a word, <kbd>space</kbd> plays and pauses</p>
      </header>
      <main>${players}</main>
      ${script}`,
  });
}

async function player({ name, image, caption }: PageImage): Promise<Markup> {
  const attention = attentionOf(caption);
  const { photo, region, height, width, maps } = attention;
  const measured = maps.map((map) => measureWord(map, attention));
  const veils = await Promise.all(maps.map((map) => smoothVeil(map, height, width)));
  const cropped = !coversPhoto(region, photo);
  const unseen = html`<div class="unseen grey"></div>
    <div class="unseen pale"></div>`;
  return html`<article class="player" style="--aspect: ${photo.width / photo.height}">
    <figure>
      <div class="stage" style="--unseen: ${hole(region, photo)}">
        <img class="photo" src="${await photoUrl(image, attention)}" alt="${name}" />
        ${cropped ? unseen : ''}
        <div class="region" style="${placeOf(region, photo)}">
          ${veils.map((veil) => html`<img class="veil" src="${dataUrl('image/png', veil)}" alt="" />`)}
        </div>
      </div>
      <figcaption>
        ${name}, ${photo.width} x ${photo.height}
        pixels${cropped ? '; grey: outside of the crop that the model saw' : ''}
      </figcaption>
    </figure>
    <div>
      <h2>${caption.text || 'A caption without words'}</h2>
      <button type="button" class="play" hidden>Play</button>
      <ol class="words" aria-label="Words of the caption">
        ${caption.words.map((word, i) => wordButton(word, measured[i], attention))}
      </ol>
      <p class="now" aria-live="polite"></p>
      ${caption.words.length > 0 ? numbers(caption.words, measured, attention) : ''}
    </div>
  </article>`;
}

function wordButton(word: string, measured: WordAttention, attention: Attention): Markup {
  return html`<li>
    <button
      type="button"
      class="word"
      aria-current="false"
      data-note="${describe(word, measured, attention)}"
      style="--width: ${measured.normalizedEntropy.toFixed(3)}"
    >
      ${word}
    </button>
  </li>`;
}

function describe(word: string, measured: WordAttention, { height, width }: Attention): string {
  const cells = measured.effectiveCells.toFixed(1);
  const share = percent(measured.normalizedEntropy);
  return (
    `“${word}”: as widely as ${cells} of ${height * width} cells; ` +
    `entropy ${measured.entropy.toFixed(2)} nats, ${share} of the most possible`
  );
}

/** All numbers of a caption, as a table to open. */
function numbers(words: readonly string[], measured: WordAttention[], attention: Attention): Markup {
  const { belowEvenShare, evenShare, variation, penalty } = measureCoverage(attention)!;
  return html`<details>
    <summary>Numbers</summary>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Word</th>
            <th scope="col">Entropy, nats</th>
            <th scope="col">of ln ${attention.height * attention.width}</th>
            <th scope="col">Cells</th>
            <th scope="col">Centre, pixels</th>
          </tr>
        </thead>
        <tbody>
          ${measured.map(
            ({ entropy, normalizedEntropy, effectiveCells, centre }, i) =>
              html`<tr>
                <th scope="row">${words[i]}</th>
                <td>${entropy.toFixed(3)}</td>
                <td>${normalizedEntropy.toFixed(3)}</td>
                <td>${effectiveCells.toFixed(1)}</td>
                <td>${centre.x.toFixed(0)}, ${centre.y.toFixed(0)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <p>
      Over the whole caption, an even look gives each cell ${evenShare.toFixed(3)} words;
      ${percent(belowEvenShare)} of the cells got less. Coefficient of variation of the cells:
      ${variation.toFixed(2)}. Doubly stochastic penalty (Xu et al. 2015): ${penalty.toFixed(2)}.
    </p>
  </details>`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

async function photoUrl(image: string | Uint8Array, attention: Attention): Promise<string> {
  const { data, width, height } = await decodePhoto(image, attention);
  const small = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(PHOTO_SIDE, PHOTO_SIDE, { fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: JPEG_QUALITY })
    .toBuffer();
  return dataUrl('image/jpeg', small);
}

/** Enlarged a first time here, because browsers enlarge by straight lines between pixels, which shows as creases. */
async function smoothVeil(map: Float32Array, height: number, width: number): Promise<Buffer> {
  return sharp(await attentionVeil(map, height, width))
    .resize(width * VEIL_PIXELS, height * VEIL_PIXELS, { fit: 'fill', kernel: 'cubic' })
    .png({ compressionLevel: 9 })
    .toBuffer();
}

function placeOf(region: Region, photo: Size): string {
  const { left, top, width, height } = asFractions(region, photo);
  return `left: ${css(left)}; top: ${css(top)}; width: ${css(width)}; height: ${css(height)}`;
}

/** All of the photo but the region, as a clipping path. */
function hole(region: Region, photo: Size): string {
  const { left, top, width, height } = asFractions(region, photo);
  const [x, y] = [[left, left + width].map(css), [top, top + height].map(css)];
  const photoEdge = '0 0, 100% 0, 100% 100%, 0 100%, 0 0';
  const regionEdge = `${x[0]} ${y[0]}, ${x[1]} ${y[0]}, ${x[1]} ${y[1]}, ${x[0]} ${y[1]}, ${x[0]} ${y[0]}`;
  return `polygon(evenodd, ${photoEdge}, ${regionEdge})`;
}

function css(fraction: number): string {
  return `${(100 * fraction).toFixed(4)}%`;
}
