/** One file over HTTP to the disk: resumed where it broke off, checked, and whole or absent under its name. */
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { Dispatcher, Response } from 'undici';
import { eager } from './undici-pause.js';
import { messageOf, UserError } from './errors.js';
import { sync } from './files.js';
import type { Log } from './log.js';

export interface Proxies {
  http?: string;
  https?: string;
  /** Hosts that are reached without one, separated by commas. */
  none?: string;
}

export interface DownloadOptions {
  log: Log;
  proxies?: Proxies;
  signal?: AbortSignal;
  /** Throws when the whole file is not what it should be; it is deleted then. */
  check(path: string): Promise<void>;
  /** Milliseconds without a byte after which a connection counts as broken. */
  stallMs?: number;
  /** Connections tried without a new byte before it is given up. */
  tries?: number;
  /** Milliseconds between two of them. */
  pauseMs?: number;
}

/** A connection that broke; what has arrived stays. */
class Broken extends Error {}

const MB = 2 ** 20;

/**
 * Downloads `url` to `target`. What has arrived lies in `target.part`, with the server's version of it in
 * `target.part.json`, and is kept when the connection or the process ends.
 * @throws UserError for an answer that is no success, a disk that is full, or a server that cannot be reached
 */
export async function download(url: string, target: string, options: DownloadOptions): Promise<void> {
  const { signal, tries = 4, pauseMs = 1000 } = options;
  const part = `${target}.part`;
  try {
    mkdirSync(dirname(target), { recursive: true });
  } catch (error) {
    throw new UserError(`cannot write ${target}: ${messageOf(error)}`, { cause: error });
  }
  // Loaded here: most runs download nothing.
  const { EnvHttpProxyAgent } = await import('undici');
  const agent = new EnvHttpProxyAgent({
    httpProxy: options.proxies?.http,
    httpsProxy: options.proxies?.https,
    noProxy: options.proxies?.none,
    connectTimeout: options.stallMs ?? 30_000,
  });
  try {
    for (let failures = 0; ;) {
      const before = sizeOf(part);
      try {
        await receive(url, part, agent, options);
        break;
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof Broken)) throw error;
        failures = sizeOf(part) > before ? 1 : failures + 1;
        if (failures >= tries)
          throw new UserError(`cannot download ${url}: ${error.message}`, { cause: error });
        await pause(pauseMs, undefined, { signal });
      }
    }
  } finally {
    await agent.destroy();
  }
  try {
    await options.check(part);
  } catch (error) {
    signal?.throwIfAborted(); // it is as good as before
    rmSync(part, { force: true });
    rmSync(`${part}.json`, { force: true });
    throw error;
  }
  rmSync(`${part}.json`, { force: true });
  sync(part);
  renameSync(part, target);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** The server's name for the version that `part` is of, or undefined. */
function versionOf(part: string): string | undefined {
  if (!existsSync(`${part}.json`)) return undefined;
  try {
    const { version } = JSON.parse(readFileSync(`${part}.json`, 'utf8')) as { version?: unknown };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined; // cut off in writing: begin anew
  }
}

/** One connection: from where `part` ends to the end of the file. */
async function receive(
  url: string,
  part: string,
  agent: Dispatcher,
  { log, signal, stallMs = 30_000 }: DownloadOptions,
): Promise<void> {
  const stall = new AbortController();
  const stopped = signal ? AbortSignal.any([signal, stall.signal]) : stall.signal;
  let timer: NodeJS.Timeout | undefined;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stall.abort(), stallMs);
  };
  const broken = (error: unknown) =>
    new Broken(stall.signal.aborted ? `nothing came for ${stallMs / 1000} s` : causeOf(error), {
      cause: error,
    });
  alive();
  try {
    const { fetch } = await import('undici');
    const { interceptor, taken } = await eager();
    const dispatcher = agent.compose(interceptor);
    const version = versionOf(part);
    const have = version === undefined ? 0 : sizeOf(part);
    const headers = have > 0 ? { range: `bytes=${have}-`, 'if-range': version! } : {};
    let response: Response;
    try {
      response = await fetch(url, {
        headers: { 'accept-encoding': 'identity', ...headers },
        dispatcher,
        signal: stopped,
      });
    } catch (error) {
      throw broken(error);
    }
    // Killed before it was checked or renamed.
    if (have > 0 && response.status === 416 && response.headers.get('content-range') === `bytes */${have}`)
      return;
    const from = startOf(response, url, have, part);
    rememberVersion(part, response);
    const total = from + Number(response.headers.get('content-length') ?? NaN);
    const file = createWriteStream(part, { flags: from > 0 ? 'a' : 'w' });
    const progress = log.progress('downloading (MB)', Math.ceil((total || 0) / MB));
    let size = from;
    try {
      for await (const chunk of response.body ?? []) {
        alive();
        size += (chunk as Uint8Array).length;
        // `once` rejects when the file fails.
        if (!file.write(chunk)) await once(file, 'drain');
        taken((chunk as Uint8Array).length);
        progress.update(Math.floor(size / MB));
      }
    } catch (error) {
      if (isDiskError(error))
        throw new UserError(`cannot write ${part}: ${messageOf(error)}`, { cause: error });
      throw broken(error);
    } finally {
      progress.end();
      file.end();
      await finished(file).catch(() => undefined);
    }
    if (file.errored)
      throw new UserError(`cannot write ${part}: ${file.errored.message}`, { cause: file.errored });
    if (size < total) throw new Broken(`${size} of ${total} bytes came`);
  } finally {
    clearTimeout(timer);
  }
}

function isDiskError(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EACCES', 'EIO', 'EROFS', 'EISDIR'].includes(
    (error as NodeJS.ErrnoException | undefined)?.code ?? '',
  );
}

/** The byte at which the answer's body begins. */
function startOf(response: Response, url: string, asked: number, part: string): number {
  const { status } = response;
  if (status === 206) {
    const from = Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1]);
    if (from === asked) return from;
    rmSync(`${part}.json`, { force: true });
    throw new Broken('the server sent another part than the one asked for');
  }
  if (status === 200) return 0;
  if (status === 416) {
    rmSync(part, { force: true });
    throw new Broken('the server has less than what came before');
  }
  if (status >= 500 || status === 429)
    throw new Broken(`the server answered ${status} ${response.statusText}`);
  throw new UserError(`cannot download ${url}: the server answered ${status} ${response.statusText}`);
}

/** Only a strong ETag or a date tells that a later answer continues the same file. */
function rememberVersion(part: string, { headers, status }: Response): void {
  if (status === 206) return;
  const tag = headers.get('etag');
  const version = tag && !tag.startsWith('W/') ? tag : headers.get('last-modified');
  rmSync(`${part}.json`, { force: true });
  if (version) writeFileSync(`${part}.json`, JSON.stringify({ version }));
}

/** `fetch` hides the reason behind "fetch failed". */
function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const inner = cause instanceof AggregateError ? (cause.errors as unknown[])[0] : cause;
  return messageOf(inner ?? error);
}
