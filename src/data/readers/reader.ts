/** What a reader of captions is. Each format is one, registered in `index.ts`. */
import type { BadLine } from '../text-file.js';

export const splitNames = ['train', 'validation', 'test'] as const;
export type SplitName = (typeof splitNames)[number];

export type CaptionsByImage = Map<string, string[]>;

export interface CaptionRecords {
  /** In the file's order. */
  captions: CaptionsByImage;
  /** The split of each image, of formats that say it themselves. */
  splits?: Map<string, SplitName>;
}

export interface CaptionReader {
  /** What a file looks like, for error messages. */
  accepted: string;
  /** Whether a record is a line, and the first one a header of them: files of such records may be of any length. */
  lines?: 'plain' | 'with header';
  /**
   * Reads one file, or a piece of it.
   * @param file its name, for messages
   * @param bad gets the records that cannot be read
   * @throws UserError for a file that is another thing altogether
   */
  read(text: string, file: string, bad: BadLine[]): CaptionRecords;
  /**
   * Where the images lie below the image folder, when the file does not say it.
   * @param images names as in the file
   * @returns names relative to `directory`, in the same order
   */
  place?(images: readonly string[], directory: string): Promise<string[]>;
}

export function addCaption(captions: CaptionsByImage, image: string, caption: string): void {
  const known = captions.get(image);
  if (known) known.push(caption);
  else captions.set(image, [caption]);
}

/** Why a record's fields, trimmed, are none. */
export function recordProblem(image: string, caption: string): string | undefined {
  if (image === '') return 'the image name is empty';
  if (image.split(/[\\/]/).includes('..')) return `${image} leads out of the image folder`;
  if (caption === '') return `the caption of ${image} is empty`;
  return undefined;
}
