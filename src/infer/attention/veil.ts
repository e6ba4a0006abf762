/**
 * Attention as a veil over a picture: black where the model did not look, clear where it did. One pixel a cell of the
 * feature map; the browser enlarges it smoothly.
 */
import sharp from 'sharp';

const DARKEST = 215; // alpha of a cell without attention, of 255

/** @param weights (height x width), row by row, for one word */
export async function attentionVeil(
  weights: ArrayLike<number>,
  height: number,
  width: number,
): Promise<Buffer> {
  const pixels = Buffer.alloc(4 * height * width); // (height, width, RGBA), black
  const most = Math.max(...Array.from(weights), 1e-12);
  for (let i = 0; i < height * width; i++) pixels[4 * i + 3] = Math.round(DARKEST * (1 - weights[i] / most));
  return sharp(pixels, { raw: { width, height, channels: 4 } })
    .png({ compressionLevel: 9 })
    .toBuffer();
}
