/** Unpacks zip files as streams, of any size (zip64): what is unpacked never lies in memory. */
import { createWriteStream, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { messageOf } from './errors.js';
import { temporaryName } from './files.js';
import type { Log } from './log.js';

/** A zip file that is none, is cut off, or holds something else than it says. */
export class DamagedZip extends Error {}

/**
 * Writes the wanted files of a zip file, each whole or not at all. A file of the right size that is there already is left
 * as it is, so that unpacking goes on where it was interrupted.
 * @param place where a file of that name goes; undefined: it is not wanted. A name is never absolute, nor has it '..'.
 * @returns how many files were wanted
 * @throws DamagedZip, what the disk says, or the signal's reason
 */
export async function unzip(
  path: string,
  place: (name: string) => string | undefined,
  { log, signal }: { log: Log; signal?: AbortSignal },
): Promise<number> {
  // Loaded here: most runs unpack nothing.
  const { default: yauzl } = await import('yauzl');
  try {
    const zip = await yauzl.openPromise(path, { lazyEntries: true, autoClose: false });
    try {
      const wanted: { entry: import('yauzl').Entry; target: string }[] = [];
      for await (const entry of zip.eachEntry()) {
        const target = entry.fileName.endsWith('/') ? undefined : place(entry.fileName);
        if (target !== undefined) wanted.push({ entry, target });
      }
      const total = wanted.reduce((sum, { entry }) => sum + entry.uncompressedSize, 0);
      const bar = log.progress('unpacking (MB)', Math.ceil(total / 1e6));
      let done = 0;
      try {
        for (const { entry, target } of wanted) {
          signal?.throwIfAborted();
          const size = statSync(target, { throwIfNoEntry: false })?.size;
          if (size === entry.uncompressedSize) done += size;
          else {
            const content = await zip.openReadStreamPromise(entry);
            await writeChecked(content, target, entry.crc32, entry.fileName, signal, (bytes) => {
              done += bytes;
              bar.update(Math.floor(done / 1e6));
            });
          }
          bar.update(Math.floor(done / 1e6));
        }
      } finally {
        bar.end();
      }
      return wanted.length;
    } finally {
      zip.close();
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof DamagedZip || (error instanceof Error && 'syscall' in error)) throw error;
    throw new DamagedZip(messageOf(error), { cause: error });
  }
}

/** yauzl compares sizes; the checksum is left to whoever reads. */
async function writeChecked(
  content: NodeJS.ReadableStream,
  target: string,
  checksum: number,
  name: string,
  signal: AbortSignal | undefined,
  onBytes: (count: number) => void,
): Promise<void> {
  mkdirSync(dirname(target), { recursive: true });
  const temporary = temporaryName(target);
  let found = 0;
  const check = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      found = crc32(chunk, found);
      onBytes(chunk.length);
      next(null, chunk);
    },
  });
  try {
    await pipeline(content, check, createWriteStream(temporary), { signal });
    if (found !== checksum) throw new DamagedZip(`the checksum of ${name} is another`);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
