/** Files that are whole or absent: everything is written under a temporary name, synced and renamed. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** A name beside `path` that nothing else uses. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
}

/** Forces a file's or directory's content to the disk. */
export function sync(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Writes `data` so that `path` holds either the old or the whole new content, whenever the process dies. */
export function writeFileAtomic(path: string, data: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = temporaryName(path);
  try {
    writeFileSync(temporary, data, { flush: true });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * Replaces the directory `path` by one with exactly `files` (name to content). Everything is on the disk under a
 * temporary name before the old directory gives way.
 */
export function writeDirectoryAtomic(path: string, files: Record<string, string | Uint8Array>): void {
  const temporary = temporaryName(path);
  try {
    mkdirSync(temporary, { recursive: true });
    for (const [name, data] of Object.entries(files))
      writeFileSync(join(temporary, name), data, { flush: true });
    sync(temporary);
    const previous = `${temporary}.old`;
    const replaces = existsSync(path);
    if (replaces) renameSync(path, previous);
    try {
      renameSync(temporary, path);
    } catch (error) {
      if (replaces) renameSync(previous, path);
      throw error;
    }
    rmSync(previous, { recursive: true, force: true });
    sync(dirname(path));
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
}
