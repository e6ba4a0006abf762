/** The images of a shard, one after another: never more of them in memory than are asked for. */
import { isAbsolute, join } from 'node:path';
import { UserError } from '../../core/index.js';
import { imageEndings, readRows, tarFiles } from '../../data/index.js';
import type { Shard, ShardSource } from './plan.js';

/** A larger file of a tar is no image that could be decoded; bytes. */
const MAX_BYTES = 2 ** 28;

export interface ShardImage {
  key: string;
  /** How errors call it. */
  name: string;
  /** A path, or the bytes of the file. */
  image: string | Uint8Array;
}

/** An image of which only the key is known, and why. */
export interface MissingImage {
  key: string;
  error: string;
}

/** A shard that cannot be read to its end; the others can go on. */
export class ShardError extends UserError {
  constructor(
    readonly shard: string,
    cause: UserError,
  ) {
    super(cause.message, { hint: cause.hint, cause });
    this.name = 'ShardError';
  }
}

/** What {@link shardImages} counts up to: bytes of a tar, images of anything else. */
export function shardSize({ source }: Shard): number {
  if (source.kind === 'tar') return source.bytes;
  return source.kind === 'folder' ? source.files.length : source.slice.rows;
}

/**
 * @param onProgress told how much of {@link shardSize} has been read
 * @throws ShardError
 */
export async function* shardImages(
  { name, source }: Shard,
  onProgress: (done: number) => void = () => {},
): AsyncGenerator<ShardImage | MissingImage> {
  try {
    if (source.kind === 'tar') yield* tarImages(source.path, onProgress);
    else yield* pathImages(source, onProgress);
  } catch (error) {
    throw error instanceof UserError ? new ShardError(name, error) : error;
  }
}

async function* pathImages(
  source: Exclude<ShardSource, { kind: 'tar' }>,
  onProgress: (done: number) => void,
): AsyncGenerator<ShardImage | MissingImage> {
  let done = 0;
  if (source.kind === 'folder') {
    for (const file of source.files) {
      const path = join(source.path, file);
      yield { key: file, name: path, image: path };
      onProgress(++done);
    }
    return;
  }
  const { table, slice, column, images } = source;
  for await (const { row, number } of readRows(table, slice)) {
    const { [column]: file, key: given } = row;
    const named = given !== undefined && given !== null && given !== '';
    if (typeof file === 'string' && file !== '') {
      const path = isAbsolute(file) ? file : join(images, file);
      yield { key: named ? String(given) : file, name: path, image: path };
    } else {
      const what = file === undefined || file === null || file === '' ? 'is empty' : 'is no path';
      const key = named ? String(given) : `row ${number}`;
      yield { key, error: `The column "${column}" of row ${number} ${what}.` };
    }
    onProgress(++done);
  }
}

/**
 * Key and field of a file's name as WebDataset sees them (`base_plus_ext` in its tariterators.py): split at the first dot
 * of the base name, folders stay in the key. Null for a name without a dot, or that begins with one.
 */
export function sampleName(name: string): { key: string; field: string } | null {
  const match = /^((?:.*\/|)[^./]+)\.([^/]*)$/.exec(name);
  return match && { key: match[1], field: match[2].toLowerCase() };
}

/** Preference among the images of a key, 0 first: `jpg` before `jpeg` before `png`, all before `left.jpg`. Null: no image. */
export function imageRank(field: string): number | null {
  const ending = field.slice(field.lastIndexOf('.') + 1);
  const rank = imageEndings.indexOf(`.${ending}`);
  if (rank === -1) return null;
  return ending === field ? rank : imageEndings.length + rank;
}

/**
 * One image of each run of files with one key, as WebDataset's `to_tuple("jpg;jpeg;png;..")` takes it. Keys without an
 * image, folders and links have no row.
 */
async function* tarImages(
  path: string,
  onProgress: (done: number) => void,
): AsyncGenerator<ShardImage | MissingImage> {
  let key: string | undefined;
  let best: { rank: number; image: ShardImage | MissingImage } | undefined;
  for await (const file of tarFiles(path, onProgress)) {
    const sample = sampleName(file.name);
    // WebDataset keeps such names for itself.
    if (!sample || /^__[^/]*__($|\/)/.test(file.name)) continue;
    if (sample.key !== key) {
      if (best) yield best.image;
      best = undefined;
      ({ key } = sample);
    }
    const rank = imageRank(sample.field);
    if (rank === null || (best && best.rank <= rank)) continue;
    best = {
      rank,
      image:
        file.size > MAX_BYTES
          ? { key, error: `The image ${file.name} has ${file.size} bytes; at most ${MAX_BYTES} are read.` }
          : { key, name: file.name, image: await file.read() },
    };
  }
  if (best) yield best.image;
}
