/** A picture of where the decoder looked: what it saw of the photo, once a word, with the word's attention over it. */
import { createRequire } from 'node:module';
import sharp from 'sharp';
import type { ImageConfig } from '../config/index.js';
import { UserError } from '../core/index.js';
import { decodeImage, resizeAndCrop, type RgbImage } from '../data/index.js';
import { attentionVeil } from './attention-veil.js';
import type { ImageCaption } from './captioner.js';

/** All in pixels. */
const TILE_WIDTH = 200;
const TILE_HEIGHTS = [80, 400] as const;
const GAP = 12;
const LABEL_HEIGHT = 30;
const TITLE_HEIGHT = 44;
const COLUMNS = 6;

const INK = '#1c2128';
const PAPER = '#ffffff';

/** A font of our own: a server may have none. */
const font = createRequire(import.meta.url).resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf');

type Part = { input: Buffer; left: number; top: number };

/**
 * @param image the path or bytes that were captioned
 * @param caption with its attention
 * @param config of the checkpoint: the tiles show the image as it was cropped
 * @returns a PNG
 */
export async function attentionPicture(
  image: string | Uint8Array,
  caption: ImageCaption,
  config: ImageConfig,
): Promise<Buffer> {
  const { attention, words } = caption;
  if (!attention)
    throw new UserError('The caption was made without attention; ask for it with `attention: true`.');
  const photo = await decodeImage(image);
  const view = resizeAndCrop(photo, config);
  const height = tileHeight(config.crop === null ? photo : view);
  const tile = await sharp(view.data, { raw: { width: view.width, height: view.height, channels: 3 } })
    .resize(TILE_WIDTH, height, { fit: 'fill' })
    .png({ compressionLevel: 1 })
    .toBuffer();

  const columns = Math.max(1, Math.min(COLUMNS, words.length));
  const rows = Math.ceil(words.length / columns);
  const width = GAP + columns * (TILE_WIDTH + GAP);
  const rowHeight = height + LABEL_HEIGHT + GAP;
  const parts: Part[] = await text(caption.text, {
    left: GAP,
    top: 0,
    width: width - 2 * GAP,
    height: TITLE_HEIGHT,
  });
  for (const [i, word] of words.entries()) {
    const left = GAP + (i % columns) * (TILE_WIDTH + GAP);
    const top = TITLE_HEIGHT + Math.floor(i / columns) * rowHeight;
    const small = await attentionVeil(attention.maps[i], attention.height, attention.width);
    const veil = await sharp(small)
      .resize(TILE_WIDTH, height, { fit: 'fill', kernel: 'cubic' })
      .png()
      .toBuffer();
    parts.push({ input: tile, left, top }, { input: veil, left, top });
    parts.push(...(await text(word, { left, top: top + height, width: TILE_WIDTH, height: LABEL_HEIGHT })));
  }
  return sharp({
    create: { width, height: TITLE_HEIGHT + rows * rowHeight, channels: 3, background: PAPER },
  })
    .composite(parts)
    .png()
    .toBuffer();
}

/** Of the shape of what is shown, within bounds. */
function tileHeight({ width, height }: Pick<RgbImage, 'width' | 'height'>): number {
  const [least, most] = TILE_HEIGHTS;
  return Math.round(Math.min(most, Math.max(least, (TILE_WIDTH * height) / width)));
}

/** One line of text in the middle of a box, made smaller where it would not fit; nothing for an empty one. */
async function text(
  content: string,
  box: { left: number; top: number; width: number; height: number },
): Promise<Part[]> {
  if (content.trim() === '') return []; // sharp refuses to render it
  const escaped = content.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  const line = await sharp({
    text: {
      text: `<span foreground="${INK}">${escaped}</span>`,
      fontfile: font,
      font: 'DejaVu Sans 12',
      dpi: 96,
      rgba: true,
    },
  })
    .png()
    .toBuffer();
  const { data, info } = await sharp(line)
    .resize(box.width, box.height, { fit: 'inside', withoutEnlargement: true })
    .png()
    .toBuffer({ resolveWithObject: true });
  return [
    {
      input: data,
      left: box.left + Math.floor((box.width - info.width) / 2),
      top: box.top + Math.floor((box.height - info.height) / 2),
    },
  ];
}
