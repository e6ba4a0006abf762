/** What the attention of a caption is: weights over the cells of the feature map, and where those lie in the photo. */
import { UserError } from '../../core/index.js';
import type { Caption } from '../captions.js';
import type { Region, Size } from './region.js';

/** Where the decoder looked for each word of a caption. */
export interface Attention {
  /** rows and columns of the feature map */
  height: number;
  width: number;
  /** for each word, (height x width) weights that sum to 1, row by row */
  maps: Float32Array[];
  /** size of the upright photo, in pixels */
  photo: Size;
  /** the part of the photo that the feature map covers, in the photo's pixels (region.ts) */
  region: Region;
}

/** A caption, and where the decoder looked if that was asked for. */
export interface AttendedCaption extends Caption {
  attention?: Attention;
}

/** @throws UserError if the caption was made without attention, or if the maps cannot be those of its words */
export function attentionOf({ attention, words }: AttendedCaption): Attention {
  if (!attention) {
    throw new UserError('The caption was made without attention.', {
      hint: 'Ask for it with `attention: true`.',
    });
  }
  const { height, width, maps } = attention;
  if (maps.length !== words.length) {
    throw new UserError(`The caption has ${words.length} words and ${maps.length} maps of attention.`);
  }
  for (const [i, map] of maps.entries()) {
    if (map.length !== height * width) {
      throw new UserError(
        `The attention of word ${i + 1} has ${map.length} weights, not ${height} x ${width}.`,
      );
    }
    if (!map.every((weight) => weight >= 0) || !map.some((weight) => weight > 0)) {
      throw new UserError(`The attention of word ${i + 1} has weights that are no shares of a whole.`, {
        hint: 'A checkpoint whose parameters are not finite gives such weights.',
      });
    }
  }
  return attention;
}
