/** Lists of the images of a split. */
import { UserError } from '../../core/index.js';
import { readTextFile } from '../text-file.js';

/** The names of a split list with the line each stands on, repetitions included. */
export async function readSplitList(file: string): Promise<{ image: string; line: number }[]> {
  const text = await readTextFile(file, 'split list');
  const names = text
    .split(/\r\n|\n|\r/)
    .map((content, i) => ({ image: content.trim(), line: i + 1 }))
    .filter(({ image }) => image !== '');
  if (names.length === 0) {
    throw new UserError(`The split list ${file} names no image.`, {
      hint: 'It lists one image name a line.',
    });
  }
  return names;
}
