/**
 * A picture of where the decoder looked: the photo once a word, with the word's attention over the part that the model
 * saw. What it did not see is grey and outside of a frame.
 */
import { createRequire } from 'node:module';
import sharp from 'sharp';
import { UserError } from '../../core/index.js';
import { decodeImage, type RgbImage } from '../../data/index.js';
import { attentionOf, type AttendedCaption, type Attention } from './attention.js';
import { coversPhoto, type Region, type Size } from './region.js';
import { attentionVeil } from './veil.js';

/** All in pixels. */
const TILE_WIDTH = 200;
const TILE_HEIGHTS = [80, 400] as const;
const WIDEST_TILE = 800;
const NARROWEST_COLUMN = 120;
const WIDEST_PICTURE = 1284; // six tiles of a photo that is not a panorama
const GAP = 12;
const LABEL_HEIGHT = 30;
const TITLE_HEIGHT = 44;

const INK = '#1c2128';
const PAPER = '#ffffff';
const UNSEEN_NOTE = 'grey: outside of the crop that the model saw';
/** How much paper covers what the model did not see. */
const UNSEEN_FADING = 0.6;

/** A font of our own: a server may have none. */
const font = createRequire(import.meta.url).resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf');

type Part = { input: Buffer; left: number; top: number };

/**
 * @param image the path or bytes that were captioned
 * @param caption with its attention
 * @returns a PNG
 * @throws UserError for a caption without attention, or an image that is not the captioned one
 */
export async function attentionPicture(
  image: string | Uint8Array,
  caption: AttendedCaption,
): Promise<Buffer> {
  const attention = attentionOf(caption);
  const { words } = caption;
  const photo = await decodePhoto(image, attention);
  const tile = tileSize(photo);
  const seen = scaled(attention.region, tile.width / photo.width, tile.height / photo.height);
  const background = await photoTile(photo, tile, seen);

  const column = Math.max(tile.width, NARROWEST_COLUMN);
  const most = Math.max(1, Math.floor((WIDEST_PICTURE - GAP) / (column + GAP)));
  const columns = Math.max(1, Math.min(most, words.length));
  const rows = Math.ceil(words.length / columns);
  const width = GAP + columns * (column + GAP);
  const rowHeight = tile.height + LABEL_HEIGHT + GAP;
  const parts: Part[] = await text(caption.text, {
    left: GAP,
    top: 0,
    width: width - 2 * GAP,
    height: TITLE_HEIGHT,
  });
  for (const [i, word] of words.entries()) {
    const left = GAP + (i % columns) * (column + GAP);
    const top = TITLE_HEIGHT + Math.floor(i / columns) * rowHeight;
    const place = { left: left + Math.floor((column - tile.width) / 2), top };
    const veil = await veilTile(attention, i, tile, seen);
    parts.push(
      { input: background, ...place },
      { ...veil, left: place.left + veil.left, top: top + veil.top },
      ...(await text(word, { left, top: top + tile.height, width: column, height: LABEL_HEIGHT })),
    );
  }
  let height = TITLE_HEIGHT + rows * rowHeight;
  if (!coversPhoto(attention.region, photo)) {
    const box = { left: GAP, top: height, width: width - 2 * GAP, height: LABEL_HEIGHT };
    parts.push(...(await text(UNSEEN_NOTE, box)));
    height += LABEL_HEIGHT;
  }
  return sharp({ create: { width, height, channels: 3, background: PAPER } })
    .composite(parts)
    .png()
    .toBuffer();
}

/** The captioned photo again, upright. */
export async function decodePhoto(image: string | Uint8Array, { photo }: Attention): Promise<RgbImage> {
  const decoded = await decodeImage(image);
  if (decoded.width === photo.width && decoded.height === photo.height) return decoded;
  throw new UserError(
    `The caption is of a photo of ${photo.width} x ${photo.height} pixels, but ` +
      `${typeof image === 'string' ? image : 'the image given as bytes'} has ${decoded.width} x ${decoded.height}.`,
    { hint: 'Give the image that was captioned.' },
  );
}

/** Of the photo's shape: usually `TILE_WIDTH` wide, wider for a panorama and narrower for a tower. */
function tileSize({ width, height }: Size): Size {
  const [least, most] = TILE_HEIGHTS;
  const scale = Math.min(Math.max(TILE_WIDTH / width, least / height), most / height, WIDEST_TILE / width);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** In whole pixels, at least one. */
function scaled(region: Region, across: number, down: number): Region {
  const left = Math.round(region.left * across);
  const top = Math.round(region.top * down);
  return {
    left,
    top,
    width: Math.max(1, Math.round((region.left + region.width) * across) - left),
    height: Math.max(1, Math.round((region.top + region.height) * down) - top),
  };
}

/** The part of a region that lies on the tile. */
function onTile(region: Region, tile: Size): Region {
  const left = Math.max(0, region.left);
  const top = Math.max(0, region.top);
  return {
    left,
    top,
    width: Math.min(tile.width, region.left + region.width) - left,
    height: Math.min(tile.height, region.top + region.height) - top,
  };
}

/** The photo at the tile's size, pale and grey outside of what the model saw. */
async function photoTile(photo: RgbImage, tile: Size, seen: Region): Promise<Buffer> {
  const { data, width, height } = photo;
  const whole = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(tile.width, tile.height, { fit: 'fill' })
    .png({ compressionLevel: 1 })
    .toBuffer();
  if (coversPhoto(seen, tile)) return whole;
  const shown = onTile(seen, tile);
  const frame =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${tile.width}" height="${tile.height}">` +
    `<rect x="${shown.left + 0.5}" y="${shown.top + 0.5}" width="${shown.width - 1}" height="${shown.height - 1}" ` +
    `fill="none" stroke="${INK}"/></svg>`;
  const paper = { r: 255, g: 255, b: 255, alpha: UNSEEN_FADING };
  const cover = await sharp({ create: { ...tile, channels: 4, background: paper } })
    .png()
    .toBuffer();
  // toColourspace: one channel would stay one channel, and the colours laid over it turn grey.
  const grey = await sharp(whole).greyscale().toColourspace('srgb').png().toBuffer();
  const part = await sharp(whole).extract(shown).png().toBuffer();
  return sharp(grey)
    .composite([
      { input: cover, left: 0, top: 0 },
      { input: part, left: shown.left, top: shown.top },
      { input: Buffer.from(frame), left: 0, top: 0 },
    ])
    .png({ compressionLevel: 1 })
    .toBuffer();
}

/** The veil of one word, smooth, cut to the tile. */
async function veilTile(attention: Attention, word: number, tile: Size, seen: Region): Promise<Part> {
  const small = await attentionVeil(attention.maps[word], attention.height, attention.width);
  const shown = onTile(seen, tile);
  const input = await sharp(small)
    .resize(seen.width, seen.height, { fit: 'fill', kernel: 'cubic' })
    .extract({ ...shown, left: shown.left - seen.left, top: shown.top - seen.top })
    .png()
    .toBuffer();
  return { input, left: shown.left, top: shown.top };
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
