/**
 * A lock file: one process writes to a directory at a time. The owner refreshes it while it works, so that a
 * lock whose owner died is recognised even where process ids are reused (containers) or on another machine.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, UserError } from './errors.js';
import { temporaryName } from './files.js';
import type { Log } from './log.js';
import { isRunning } from './process.js';

const REFRESH_MS = 5_000;
/** A lock that was not refreshed for this long has lost its owner. */
const STALE_MS = 600_000;
const POLL_MS = 250;

interface Owner {
  pid: number;
  host: string;
  token: string;
}

export class Lock {
  private readonly timer: NodeJS.Timeout;

  private constructor(
    private readonly path: string,
    private readonly token: string,
  ) {
    this.timer = setInterval(() => this.refresh(), REFRESH_MS).unref();
  }

  /**
   * Waits until the lock is free or its owner is gone.
   * @param work what the owner does, for the message: `builds this feature store`
   */
  static async acquire(path: string, work: string, log: Log, signal?: AbortSignal): Promise<Lock> {
    for (let waited = false; ; waited = true) {
      signal?.throwIfAborted();
      const taken = Lock.take(path);
      if (taken instanceof Lock) return taken;
      if (!waited) log.info(`Another process (${taken.owner}) ${work}; waiting for its lock ${path}.`);
      await sleep(POLL_MS, undefined, { signal }).catch((error: unknown) => {
        signal?.throwIfAborted(); // with its own reason, which tells Ctrl-C from a failure
        throw error;
      });
    }
  }

  /** Takes the lock, or says who has it. */
  static take(path: string): Lock | { owner: string } {
    const own: Owner = { pid: process.pid, host: hostname(), token: randomBytes(12).toString('hex') };
    for (;;) {
      if (create(path, own)) return new Lock(path, own.token);
      const content = contentOf(path);
      if (content === undefined) continue;
      if (!isStale(path, content)) return { owner: describe(content) };
      removeIfStill(path, content);
    }
  }

  /** Throws when another process took the lock over: this one was held up for too long and must not write. */
  check(): void {
    if (parse(contentOf(this.path) ?? '')?.token !== this.token) {
      throw new UserError(`The lock ${this.path} was taken over by another process.`, {
        hint: 'Run the command again: what is stored so far is kept.',
      });
    }
    this.refresh();
  }

  release(): void {
    clearInterval(this.timer);
    held.delete(this.token);
    if (parse(contentOf(this.path) ?? '')?.token === this.token) rmSync(this.path, { force: true });
  }

  private refresh(): void {
    const now = new Date();
    try {
      utimesSync(this.path, now, now);
    } catch {
      // The file is gone: check() tells the owner before it writes.
    }
  }
}

/** The process that holds the lock, as far as can be told; undefined when nobody does. */
export function ownerOfLock(path: string): string | undefined {
  const content = contentOf(path);
  return content === undefined || isStale(path, content) ? undefined : describe(content);
}

/** Removes a lock whose owner is gone. */
export function clearStaleLock(path: string): void {
  const content = contentOf(path);
  if (content !== undefined && isStale(path, content)) removeIfStill(path, content);
}

/** Takes the lock from a process that is known to be gone, where another machine could not tell. */
export function freeLock(path: string, { pid, host }: Pick<Owner, 'pid' | 'host'>): void {
  const content = contentOf(path);
  const owner = content === undefined ? undefined : parse(content);
  if (owner?.pid === pid && owner.host === host) removeIfStill(path, content!);
}

/** Tokens of the locks that this process holds: tells them from a dead process that had the same id. */
const held = new Set<string>();

/** Creates the lock file with its content in one step; false when there is one. */
function create(path: string, own: Owner): boolean {
  const temporary = temporaryName(path);
  try {
    writeFileSync(temporary, JSON.stringify(own));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw unwritable(path, error);
  }
  try {
    linkSync(temporary, path);
    held.add(own.token);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    return createWithoutLinks(path, own, error);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** For file systems without hard links. */
function createWithoutLinks(path: string, own: Owner, cause: unknown): boolean {
  try {
    writeFileSync(path, JSON.stringify(own), { flag: 'wx' });
    held.add(own.token);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw unwritable(path, cause);
  }
}

function unwritable(path: string, cause: unknown): UserError {
  return new UserError(`the lock ${path} cannot be written: ${messageOf(cause)}`, {
    hint: 'its folder has to be writable, on a disk with room; the cache directory is SHOWTELL_CACHE',
    cause,
  });
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function parse(content: string): Owner | undefined {
  try {
    return JSON.parse(content) as Owner;
  } catch {
    return undefined;
  }
}

function describe(content: string): string {
  const owner = parse(content);
  return owner ? `${owner.pid} on ${owner.host}` : 'unknown';
}

function isStale(path: string, content: string): boolean {
  let age: number;
  try {
    age = Date.now() - statSync(path).mtimeMs;
  } catch {
    return false; // released meanwhile
  }
  if (age > STALE_MS) return true;
  const owner = parse(content);
  if (!owner || owner.host !== hostname()) return false;
  if (owner.pid === process.pid) return !held.has(owner.token);
  return !isRunning(owner.pid);
}

/** Removes the stale lock; one that another process has just created in its place is put back. */
function removeIfStill(path: string, content: string): void {
  const aside = temporaryName(path);
  try {
    renameSync(path, aside);
  } catch {
    return; // another process was faster
  }
  if (contentOf(aside) === content) rmSync(aside, { force: true });
  else renameSync(aside, path);
}
