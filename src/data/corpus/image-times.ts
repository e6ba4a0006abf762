/**
 * The image files of a corpus: whether they are still what they were. The time of a folder changes when a file in it is
 * added, removed or replaced; of files that are written over in place, the times of a fair share are looked at.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join, posix, resolve } from 'node:path';
import type { Pack, PackWriter } from '../pack.js';
import { PackedSplit } from './packed-split.js';

/** Files that a start looks at, evenly spread, unless a folder has changed: a look takes up to ten microseconds. */
const LOOKED_AT = 65_536;

export interface ImageTimes {
  /** each folder that an image is in, relative to the image folder, and when it changed last, in milliseconds */
  folders: [string, number][];
  /** images of the lists whose file was not there */
  missing: string[];
}

type Names = Record<string, readonly { image: string }[]>;

/** The size in bytes of a file, and when it changed last in milliseconds; -1 where there can be none. */
function factsOf(directory: string, image: string): [size: number, mtimeMs: number] {
  try {
    const { size, mtimeMs } = statSync(join(directory, image));
    return [size, mtimeMs];
  } catch {
    return [-1, -1]; // not there, a name too long, links in a circle: who reads it says so
  }
}

const timeOf = (directory: string, folder: string) => factsOf(directory, folder)[1];

/**
 * Writes the facts of all images to a pack.
 * @returns what is to be known besides, and the SHA-256 of names and facts of the training and validation images
 */
export function writeImageTimes(
  writer: PackWriter,
  splits: Names,
  missing: string[],
  directory: string,
): { times: ImageTimes; imageSet: string } {
  // Folders first: one that changes meanwhile is looked at again next time.
  const named = Object.values(splits).flatMap((images) => images.map(({ image }) => image));
  const folders = new Set(['.', ...[...named, ...missing].map((image) => posix.dirname(image))]);
  const times: ImageTimes = {
    folders: [...folders].map((folder) => [folder, timeOf(directory, folder)]),
    missing,
  };
  const facts = new Float64Array(2 * named.length);
  named.forEach((image, i) => facts.set(factsOf(directory, image), 2 * i));
  writer.numbers('images.facts', facts);
  const hash = createHash('sha256').update(JSON.stringify(resolve(directory)));
  const seen = (splits.train?.length ?? 0) + (splits.validation?.length ?? 0);
  for (const image of named.slice(0, seen)) hash.update(`${image}\n`);
  hash.update(new Uint8Array(facts.buffer, 0, 16 * seen));
  return { times, imageSet: hash.digest('hex') };
}

/**
 * @param splits of the pack, in the order in which they were written
 * @param most files looked at where no folder has changed
 */
export function imagesAreSame(
  pack: Pack,
  splits: readonly string[],
  { folders, missing }: ImageTimes,
  directory: string,
  most = LOOKED_AT,
): boolean {
  const calm = folders.every(([folder, time]) => timeOf(directory, folder) === time);
  const facts = pack.float64('images.facts');
  const step = calm ? Math.ceil(facts.length / 2 / most) : 1;
  let number = 0;
  for (const split of splits) {
    for (const image of new PackedSplit(pack, split).imageNames()) {
      const at = 2 * number++;
      if ((at / 2) % step !== 0) continue;
      const [size, time] = factsOf(directory, image);
      if (size !== facts[at] || time !== facts[at + 1]) return false;
    }
  }
  return calm || !missing.some((image) => factsOf(directory, image)[0] >= 0);
}
