/** Images that splits share, by name or by content: scores on them would not measure unseen images. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataConfig } from '../config/index.js';
import { UserError, type Log } from '../core/index.js';
import type { CaptionedImage, Dataset } from './dataset.js';

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
  const shared = (await sameFiles(places, images)).filter(
    (group) => new Set(group.map(({ split }) => split)).size > 1,
  );
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

/** Groups of two or more places with the same file, or with files of the same content. */
async function sameFiles(places: readonly Place[], directory: string): Promise<Place[][]> {
  const bySize = new Map<number, Place[]>();
  for (const place of places) {
    const { size } = await stat(join(directory, place.image));
    bySize.set(size, [...(bySize.get(size) ?? []), place]);
  }
  const groups: Place[][] = [];
  for (const alike of bySize.values()) {
    // Of most sizes there are images in one split only: they need not be read.
    if (new Set(alike.map(({ split }) => split)).size < 2) continue;
    const byContent = new Map<string, Place[]>();
    for (const place of alike) {
      const hash = createHash('sha256')
        .update(await readFile(join(directory, place.image)))
        .digest('hex');
      byContent.set(hash, [...(byContent.get(hash) ?? []), place]);
    }
    groups.push(...[...byContent.values()].filter(({ length }) => length > 1));
  }
  return groups;
}
