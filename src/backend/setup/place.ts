/**
 * Puts a finished directory in its place while other processes may do the same, and clears away what processes left
 * that died half-way. A directory under construction is called `.NAME.HOST.PID.RANDOM.tmp`.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** Left-overs of other machines on a shared disk, and of processes whose number is in use again, go after this time. */
const oldMs = 24 * 3600 * 1000;

/** Those of this process: it may build several. */
const own = new Set<string>();

const host = hostname().replace(/[^A-Za-z0-9]/g, '') || 'host';

/** A name beside `path` for what will become it. */
export function constructionName(path: string): string {
  const random = randomBytes(4).toString('hex');
  const name = `.${basename(path)}.${host}.${process.pid}.${random}.tmp`;
  own.add(name);
  return join(dirname(path), name);
}

/**
 * Renames `finished` to `path`; what was there is removed.
 * @param keep whether another process's directory at `path`, found there while renaming, is as good: then `finished` is removed
 */
export function putInPlace(finished: string, path: string, keep: () => boolean): void {
  // Each round another process has put its own there between our two renames.
  for (let round = 0; round < 10; round++) {
    if (existsSync(path)) {
      if (keep()) {
        rmSync(finished, { recursive: true, force: true });
        return;
      }
      setAside(path);
    }
    try {
      renameSync(finished, path);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOTDIR') throw error;
    }
  }
  throw new Error(`${path} is replaced by other processes all the time`);
}

/** Processes that use the old files keep them open; new ones must not see a half-removed directory. */
function setAside(path: string): void {
  const old = constructionName(path);
  try {
    renameSync(path, old);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  rmSync(old, { recursive: true, force: true });
}

/** Removes constructions in `folder` whose process is gone. */
export function removeLeftovers(folder: string, now: number): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const match = /^\..+\.([A-Za-z0-9]+)\.(\d+)\.[0-9a-f]{8}\.tmp$/.exec(name);
    if (!match || own.has(name)) continue;
    const path = join(folder, name);
    const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const dead = match[1] === host && !isAlive(Number(match[2]));
    if (dead || now - changed > oldMs) rmSync(path, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  // An own number under a name that is not ours is of an earlier process, as in a container that was started again.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
