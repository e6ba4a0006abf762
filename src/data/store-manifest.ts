/** What a feature store is for: its key, from which its folder is named, and the shape of its records. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageConfig } from '../config/index.js';
import { messageOf, UserError, writeFileAtomic } from '../core/index.js';
import { recordsPerShard } from './store-shards.js';

/** Everything but the images that decides what the features are. */
export interface FeatureKey {
  encoder: string;
  /** hash of the encoder's weights */
  weightsHash: string;
  /** stage whose output is taken; null: the last */
  stage: string | null;
  kind: 'map' | 'pooled';
  image: ImageConfig;
}

const FORMAT = 'showtell-features';
const VERSION = 1;
/** Changes when decoding or preprocessing gives other pixels than before. */
const PIXELS_VERSION = 1;

export interface Manifest {
  format: string;
  version: number;
  pixels: number;
  key: FeatureKey;
  featureShape: number[];
  recordBytes: number;
  recordsPerShard: number;
}

/** JSON with sorted keys: equal for equal content. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

/** The folder of the store for `key` under `directory`, made and checked. */
export function openStoreFolder(
  directory: string,
  key: FeatureKey,
  featureShape: readonly number[],
): { folder: string; manifest: Manifest } {
  const recordBytes = featureShape.reduce((a, b) => a * b, 1) * 2;
  const manifest: Manifest = {
    format: FORMAT,
    version: VERSION,
    pixels: PIXELS_VERSION,
    key,
    featureShape: [...featureShape],
    recordBytes,
    recordsPerShard: recordsPerShard(recordBytes),
  };
  const identity = canonicalJson({ version: VERSION, pixels: PIXELS_VERSION, key, featureShape });
  const hash = createHash('sha256').update(identity).digest('hex').slice(0, 16);
  const folder = join(directory, `${key.encoder}-${key.kind}-${hash}`);
  const file = join(folder, 'store.json');
  try {
    mkdirSync(folder, { recursive: true });
    if (!existsSync(file)) {
      if (existsSync(join(folder, 'journal.txt'))) throw refuse(folder, 'its store.json is missing');
      writeFileAtomic(file, `${JSON.stringify(manifest, null, 2)}\n`);
      return { folder, manifest };
    }
    if (!statSync(file).isFile()) throw refuse(folder, 'its store.json is no file');
    return { folder, manifest: readManifest(file, folder, manifest) };
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`The feature store ${folder} cannot be opened: ${messageOf(error)}.`, {
      hint: 'Set another cache directory (SHOWTELL_CACHE), or make this one writable.',
      cause: error,
    });
  }
}

function readManifest(file: string, folder: string, expected: Manifest): Manifest {
  let found: Manifest;
  try {
    found = JSON.parse(readFileSync(file, 'utf8')) as Manifest;
  } catch {
    throw refuse(folder, 'its store.json is damaged');
  }
  if (found?.format !== FORMAT) throw refuse(folder, `its format is ${JSON.stringify(found?.format)}`);
  if (found.version !== VERSION) {
    throw refuse(folder, `its version is ${found.version}, this program reads ${VERSION}`);
  }
  const same = (field: keyof Manifest) => canonicalJson(found[field]) === canonicalJson(expected[field]);
  for (const field of ['key', 'pixels', 'featureShape', 'recordBytes'] as const) {
    if (!same(field)) {
      throw refuse(
        folder,
        `its ${field} is ${canonicalJson(found[field])}, expected ${canonicalJson(expected[field])}`,
      );
    }
  }
  if (!Number.isInteger(found.recordsPerShard) || found.recordsPerShard < 1) {
    throw refuse(folder, `its recordsPerShard is ${found.recordsPerShard}`);
  }
  return found;
}

function refuse(folder: string, why: string): UserError {
  return new UserError(`The feature store ${folder} cannot be used: ${why}.`, {
    hint: 'Delete that folder: it holds nothing but computed features, which are then computed again.',
  });
}
