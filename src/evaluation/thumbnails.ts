/** Small pictures of photos, for pages. */
import sharp from 'sharp';

/** Longer side, in pixels: twice what the comparison shows, for sharp screens. */
const SIZE = 288;

/**
 * @param fileOf the path of an image by its name; undefined: there is none
 * @param size longer side, in pixels
 * @returns JPEGs by name; a photo that cannot be read has none
 */
export async function thumbnails(
  fileOf: (image: string) => string | undefined,
  images: readonly string[],
  size = SIZE,
): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const image of new Set(images)) {
    const file = fileOf(image);
    if (file === undefined) continue;
    const photo = sharp(file).rotate().resize(size, size, { fit: 'inside' }).jpeg({ quality: 75 });
    const bytes = await photo.toBuffer().catch(() => undefined);
    if (bytes) found.set(image, bytes);
  }
  return found;
}
