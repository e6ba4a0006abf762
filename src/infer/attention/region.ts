/**
 * Where in a photo the cells of a feature map lie: the resize and the crop undone.
 *
 * Coordinates are of the upright photo: the orientation that a camera notes in EXIF is applied when a photo is read,
 * as viewers do. They are continuous and in pixels: x to the right and y down from the upper left corner of the photo,
 * the pixel in column i covers i..i+1. Resize maps them linearly, as Pillow and torchvision do.
 *
 * A cell stands for its share of what the model saw, cut into equal parts, as pictures of attention and of class
 * activation show it. What a cell was computed from is wider: receptive fields of deep encoders overlap and
 * often cover the whole picture.
 */
import type { ImageConfig } from '../../config/index.js';
import { placeImage } from '../../data/index.js';

/** In pixels. */
export interface Size {
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

/** An upright rectangle by its upper left corner and its size. */
export interface Region extends Size {
  left: number;
  top: number;
}

/**
 * The part of a photo that the model saw, in the photo's pixels. It reaches beyond the photo where the crop is larger
 * than the resized photo: there the model saw black.
 * @param photo size of the upright photo
 */
export function seenRegion(photo: Size, config: ImageConfig): Region {
  const { resized, crop } = placeImage(photo, config);
  // Products before quotients: what is not cropped is then the photo's own size to the last digit.
  const across = (pixels: number) => (pixels * photo.width) / resized.width;
  const down = (pixels: number) => (pixels * photo.height) / resized.height;
  return {
    left: across(crop.left),
    top: down(crop.top),
    width: across(crop.width),
    height: down(crop.height),
  };
}

/** A region as shares of the photo's width and height. */
export function asFractions(region: Region, photo: Size): Region {
  return {
    left: region.left / photo.width,
    top: region.top / photo.height,
    width: region.width / photo.width,
    height: region.height / photo.height,
  };
}

/** Whether a region holds the whole photo. */
export function coversPhoto(region: Region, photo: Size): boolean {
  return (
    region.left <= 0 &&
    region.top <= 0 &&
    region.left + region.width >= photo.width &&
    region.top + region.height >= photo.height
  );
}

/**
 * The cell in that row and column, of a grid of `grid.height` rows and `grid.width` columns over the region.
 * @returns in the photo's pixels
 */
export function cellRegion(region: Region, grid: Size, row: number, column: number): Region {
  const width = region.width / grid.width;
  const height = region.height / grid.height;
  return { left: region.left + column * width, top: region.top + row * height, width, height };
}
