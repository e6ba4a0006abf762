/** Images that splits share, by name or by content: scores on them would not measure unseen images. */
import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataConfig } from '../config/index.js';
import { UserError, type Log } from '../core/index.js';
import type { CaptionedImage, Dataset } from './dataset.js';
import { prefetch } from './prefetch.js';

interface Place {
  split: string;
  image: string;
}

/** Pairs that a message shows. */
const SHOWN = 5;

/** @throws UserError that names them, unless `data.onSharedImages` is `warn` */
export async function checkShared(
  dataset: Dataset,
  { images, onSharedImages }: Pick<DataConfig, 'images' | 'onSharedImages'>,
  log: Log,
): Promise<void> {
  const places = (Object.entries(dataset) as [string, CaptionedImage[]][]).flatMap(([split, items]) =>
    items.map(({ image }): Place => ({ split, image })),
  );
  const shared = await sameFiles(places, images);
  if (shared.length === 0) return;
  const shown = shared
    .slice(0, SHOWN)
    .map((group) => group.map(({ split, image }) => `${image} (${split})`).join(' = '));
  if (shared.length > SHOWN) shown.push(`and ${shared.length - SHOWN} more`);
  const message = `${shared.length} images are in more than one split: ${shown.join(', ')}`;
  if (onSharedImages === 'warn') {
    log.warn(`${message}. Scores on them do not measure unseen images.`);
    return;
  }
  throw new UserError(`${message}.`, {
    hint: 'Take them off one of the lists, or set data.onSharedImages: warn if they are meant to be there.',
  });
}

/** Bytes in the middle of a file that tell most files of one size apart. */
const SAMPLE = 4096;

/** Groups of two or more places, of more than one split, with the same file or with files of the same content. */
async function sameFiles(places: readonly Place[], directory: string): Promise<Place[][]> {
  // Whole files are read last: of 100,000 photos most share their size with one of another split.
  let groups: Place[][] = [[...places]];
  for (const key of [fileSize, middle, content]) {
    const finer: Place[][] = [];
    for (const group of groups) {
      const byKey = new Map<string, Place[]>();
      const read = (place: Place) => key(join(directory, place.image)).then((found) => ({ place, found }));
      for await (const { place, found } of prefetch(group, () => 16, read)) {
        const alike = byKey.get(found);
        if (alike) alike.push(place);
        else byKey.set(found, [place]);
      }
      finer.push(...[...byKey.values()].filter((alike) => new Set(alike.map(({ split }) => split)).size > 1));
    }
    groups = finer;
  }
  return groups;
}

const fileSize = async (path: string): Promise<string> => String((await stat(path)).size);

async function middle(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(SAMPLE),
      position: Math.max(0, Math.floor((size - SAMPLE) / 2)),
    });
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}

const content = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
