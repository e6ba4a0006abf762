/** Files that are whole or absent: everything is written under a temporary name, synced and renamed. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isRunning } from './process.js';

/** A name beside `path` that nothing else uses. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
}

/** Ending of a directory that gives way to the one with the name before it. */
const OLD = '.old';

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
 * Replaces the directory `path` by one with exactly `files` (name to content, or to its parts). Everything is on the disk under a
 * temporary name before the old directory gives way; a process that dies between the two renames leaves what
 * `recoverDirectory` brings to an end.
 */
export function writeDirectoryAtomic(
  path: string,
  files: Record<string, string | Uint8Array | readonly Uint8Array[]>,
): void {
  const temporary = temporaryName(path);
  try {
    mkdirSync(temporary, { recursive: true });
    for (const [name, data] of Object.entries(files)) {
      const file = join(temporary, name);
      const parts = Array.isArray(data) ? (data as readonly Uint8Array[]) : [data as string | Uint8Array];
      for (const part of parts) writeFileSync(file, part, { flag: 'a' });
      sync(file);
    }
    sync(temporary);
    const previous = `${temporary}${OLD}`;
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

/**
 * Ends what a process that died left of `writeDirectoryAtomic(path)`: a new directory that was whole takes its place,
 * anything else that has no owner any more is removed. Where nothing may be written, all stays as it is.
 * @param alone whether no other process can be writing there, so that a number that is in use again is another's
 */
export function recoverDirectory(path: string, alone = false): void {
  const [parent, start] = [dirname(path), `.${basename(path)}.`];
  const own = new RegExp(`^(\\d+)\\.[0-9a-f]{8}\\.tmp(${OLD.replace('.', '\\.')})?$`);
  let names: string[];
  try {
    names = readdirSync(parent).filter((name) => name.startsWith(start));
  } catch {
    return;
  }
  const left = names.filter((name) => {
    const match = own.exec(name.slice(start.length));
    // Those of this process are written and renamed in one go: what is left of them failed.
    return match !== null && (alone || Number(match[1]) === process.pid || !isRunning(Number(match[1])));
  });
  try {
    // The old one gave way only when the new one was whole.
    const old = left.find((name) => name.endsWith(OLD));
    if (old !== undefined && !existsSync(path)) {
      const whole = old.slice(0, -OLD.length);
      renameSync(join(parent, left.includes(whole) ? whole : old), path);
    }
    for (const name of left) rmSync(join(parent, name), { recursive: true, force: true });
  } catch {
    // A read-only place: whoever reads says what is missing.
  }
}
