/** The weights that torchvision publishes for the encoders: where they lie, and how they get there. */
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { download, messageOf, sha256Of, sync, UserError, type Log, type Proxies } from '../../core/index.js';
import { encoders, type Provenance } from '../encoders/index.js';

export interface PullOptions {
  cacheDirectory: string;
  log: Log;
  /** Instead of torchvision's folder: an http(s) or file URL, or a directory. */
  mirror?: string;
  /** A file that is already here. */
  from?: string;
  proxies?: Proxies;
  signal?: AbortSignal;
}

/** @throws UserError for a name that has no published weights */
export function provenanceOf(name: string): Provenance {
  const weights = encoders[name]?.weights;
  if (weights) return weights;
  const known = Object.keys(encoders).filter((key) => encoders[key].weights);
  throw new UserError(
    encoders[name] ? `there are no published weights of ${name}` : `there is no encoder "${name}"`,
    { hint: `published are those of ${known.join(', ')}` },
  );
}

/** Where the published weights of an encoder lie once they are pulled. */
export function publishedPath(name: string, cacheDirectory: string): string {
  return join(cacheDirectory, 'weights', basename(provenanceOf(name).url));
}

/**
 * The published weights of an encoder, in the cache: fetched and checked unless they are there.
 * @returns the file's path
 * @throws UserError that says which file to put where when it cannot be had
 */
export async function pullWeights(name: string, options: PullOptions): Promise<string> {
  const { url, sha256 } = provenanceOf(name);
  const { cacheDirectory, log, from, mirror, signal } = options;
  const target = publishedPath(name, cacheDirectory);
  const check = async (path: string, source: string) => {
    const found = await sha256Of(path, signal);
    if (found.startsWith(sha256)) return;
    throw new UserError(
      `${source} is not ${basename(url)}: its SHA-256 begins with ${found.slice(0, sha256.length)}, not ${sha256}`,
      { hint: 'fetch it again, or from elsewhere (SHOWTELL_WEIGHTS_URL)' },
    );
  };
  if (from === undefined && existsSync(target)) {
    await check(target, target);
    return target;
  }
  const source = from ?? (mirror === undefined ? url : `${mirror.replace(/\/+$/, '')}/${basename(url)}`);
  if (from === undefined && /^https?:/.test(source)) {
    log.info(`downloading ${source}`);
    try {
      await download(source, target, { ...options, check: (path) => check(path, source) });
    } catch (error) {
      if (!(error instanceof UserError) || error.hint) throw error;
      throw new UserError(error.message, {
        hint:
          `put ${url} at ${target}, or name a copy with \`showtell weights pull ${name} --from FILE\`; ` +
          'a mirror goes into SHOWTELL_WEIGHTS_URL, a proxy into HTTPS_PROXY',
        cause: error,
      });
    }
  } else await copy(source.startsWith('file:') ? fileURLToPath(source) : source, target, check);
  return target;
}

async function copy(
  source: string,
  target: string,
  check: (path: string, source: string) => Promise<void>,
): Promise<void> {
  if (!statSync(source, { throwIfNoEntry: false })?.isFile()) {
    throw new UserError(`there is no file ${source}`, { hint: `it would be copied to ${target}` });
  }
  const temporary = `${target}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(source, temporary);
    await check(temporary, source);
    sync(temporary);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    if (error instanceof UserError) throw error;
    throw new UserError(`cannot write ${target}: ${messageOf(error)}`, { cause: error });
  }
}
