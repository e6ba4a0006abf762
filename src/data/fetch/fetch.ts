/** Fetches a published data set: archives over HTTP, resumed and checked, unpacked into the layout that a config names. */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { readdir, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import {
  DamagedZip,
  download,
  messageOf,
  sha256Of,
  unzip,
  UserError,
  writeFileAtomic,
  type Log,
  type Proxies,
} from '../../core/index.js';
import type { Archive, Collection } from './collections.js';

export interface FetchOptions {
  /** The folder of the data set; made where it is missing. */
  directory: string;
  /** A folder that holds the archives, or an http(s) address that they lie under; as published unless given. */
  from?: string;
  /** Whether archives stay after they are unpacked. */
  keepArchives?: boolean;
  proxies?: Proxies;
  log: Log;
  signal?: AbortSignal;
  /** Bytes that may be written to a folder. */
  freeBytes?(folder: string): Promise<number>;
}

/** What is written beside an archive, as `NAME.json`. */
interface ArchiveRecord {
  source: string;
  sha256: string;
  /** The hash that the publisher states, which the archive has; null: none is known, so `sha256` is what was found. */
  published: string | null;
  /** How many files were unpacked; missing: not all are yet. */
  files?: number;
}

/**
 * What was fetched before is left as it is.
 * @throws UserError that says what to do when an archive cannot be had, is another one, or does not fit on the disk
 */
export async function fetchCollection(collection: Collection, options: FetchOptions): Promise<void> {
  const { directory, log } = options;
  const open = collection.archives.filter(({ name }) => recordOf(directory, name)?.files === undefined);
  if (open.length < collection.archives.length) {
    log.info(
      `${collection.archives.length - open.length} of ${collection.archives.length} archives are unpacked already`,
    );
  }
  await checkSpace(open, options);
  for (const archive of open) {
    const file = await haveArchive(archive, options);
    await unpack(archive, file, options);
  }
  const { byHand } = collection;
  if (byHand && (await readdir(join(directory, byHand.folder)).catch(() => [])).length === 0) {
    log.warn(`${join(directory, byHand.folder)} is empty: ${byHand.how}`);
  }
}

const archivePath = (directory: string, name: string) => join(directory, 'archives', name);

const recordPath = (directory: string, name: string) => `${archivePath(directory, name)}.json`;

function recordOf(directory: string, name: string): ArchiveRecord | undefined {
  try {
    return JSON.parse(readFileSync(recordPath(directory, name), 'utf8')) as ArchiveRecord;
  } catch {
    return undefined; // not there, or cut off: fetch anew
  }
}

function writeRecord(directory: string, name: string, record: ArchiveRecord): void {
  writeFileAtomic(recordPath(directory, name), `${JSON.stringify(record, null, 2)}\n`);
}

const isUrl = (place: string | undefined) => place !== undefined && /^https?:\/\//.test(place);

async function checkSpace(open: readonly Archive[], options: FetchOptions): Promise<void> {
  const { directory, from, keepArchives, freeBytes = free } = options;
  // Archives give way one after the other.
  const local = from !== undefined && !isUrl(from);
  const downloads = open.map(({ name, bytes }) => {
    const path = archivePath(directory, name);
    const have = [path, `${path}.part`].map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0);
    return local ? 0 : Math.max(0, bytes - Math.max(...have));
  });
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  const unpacked = sum(open.map(({ unpackedBytes }) => unpackedBytes));
  const needed = unpacked + (keepArchives ? sum(downloads) : Math.max(0, ...downloads));
  const available = await freeBytes(directory);
  if (available >= needed) return;
  throw new UserError(
    `about ${gigabytes(needed)} are needed in ${directory}, ${gigabytes(available)} are free`,
    { hint: 'make room, or name another place: --to DIR' },
  );
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;

async function free(folder: string): Promise<number> {
  let existing = resolve(folder);
  while (!existsSync(existing)) existing = dirname(existing);
  const { bavail, bsize } = await statfs(existing);
  return bavail * bsize;
}

/** The archive's file, checked and with its record. */
async function haveArchive(archive: Archive, options: FetchOptions): Promise<string> {
  const { name, url, sha256: published } = archive;
  const { directory, from, log, signal } = options;
  const check = async (path: string, source: string) => {
    const sha256 = await sha256Of(path, signal);
    if (published !== null && sha256 !== published) {
      throw new UserError(
        `${source} is not the published ${name}: its SHA-256 is ${sha256}, not ${published}`,
        {
          hint: 'fetch it again, or from elsewhere: --from PLACE',
        },
      );
    }
    const earlier = recordOf(directory, name);
    if (published === null && earlier && earlier.sha256 !== sha256) {
      log.warn(
        `${source} is not what it was: its SHA-256 is ${sha256}, of the earlier one ${earlier.sha256}`,
      );
    }
    if (published === null)
      log.info(`SHA-256 of ${name}: ${sha256}; its publisher states none to compare with`);
    writeRecord(directory, name, { source, sha256, published });
  };
  if (from !== undefined && !isUrl(from)) {
    const file = join(from, name);
    if (!existsSync(file)) {
      throw new UserError(`there is no file ${file}`, { hint: `it is published at ${url}` });
    }
    await check(file, file);
    return file;
  }
  const file = archivePath(directory, name);
  if (existsSync(file)) {
    if (recordOf(directory, name) === undefined) await check(file, file);
    return file;
  }
  const source = from === undefined ? url : `${from.replace(/\/+$/, '')}/${name}`;
  log.info(`downloading ${source}`);
  try {
    await download(source, file, { ...options, check: (path) => check(path, source) });
  } catch (error) {
    if (!(error instanceof UserError) || error.hint) throw error;
    throw new UserError(error.message, {
      hint:
        `what has come so far is kept: the same command goes on. Or get ${name} elsewhere and name its folder with ` +
        '--from DIR; a proxy goes into HTTPS_PROXY',
      cause: error,
    });
  }
  return file;
}

async function unpack(archive: Archive, file: string, options: FetchOptions): Promise<void> {
  const { directory, keepArchives, log, signal } = options;
  const own = file === archivePath(directory, archive.name);
  let files: number;
  try {
    mkdirSync(directory, { recursive: true });
    const place = (name: string) => {
      const target = archive.place(name);
      return target === undefined ? undefined : join(directory, target);
    };
    files = await unzip(file, place, { log, signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof DamagedZip) {
      if (own) rmSync(file, { force: true });
      // What comes next is not to be compared with it.
      rmSync(recordPath(directory, archive.name), { force: true });
      throw new UserError(`${file} is damaged: ${error.message}`, {
        hint: own ? 'it is deleted; the same command fetches it again' : 'get it again',
        cause: error,
      });
    }
    throw new UserError(`cannot unpack ${file}: ${messageOf(error)}`, { cause: error });
  }
  if (files === 0) {
    throw new UserError(`${file} holds none of the files that ${archive.name} should hold`, {
      hint: `it is published at ${archive.url}`,
    });
  }
  log.info(`${archive.name}: ${files.toLocaleString('en')} files`);
  const record = recordOf(directory, archive.name);
  if (record) writeRecord(directory, archive.name, { ...record, files });
  if (own && !keepArchives) rmSync(file, { force: true });
}
