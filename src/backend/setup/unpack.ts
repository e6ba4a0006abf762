/** Unpacks the wanted files of a wheel (a zip file), as a stream: a library of 800 MB never lies in memory. */
import { createWriteStream, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import * as yauzl from 'yauzl';
import { messageOf, type Log } from '../../core/index.js';
import { SetupFailure } from './failure.js';

/**
 * @param keep whether a file of the wheel is wanted
 * @param folder gets the files under their names in the wheel
 * @returns how many files were written
 */
export async function unpackWheel(
  wheel: string,
  folder: string,
  keep: (name: string) => boolean,
  log: Log,
): Promise<number> {
  const zip = await open(wheel);
  try {
    const entries = (await list(zip)).filter(({ fileName }) => !fileName.endsWith('/') && keep(fileName));
    const total = entries.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
    const bar = log.progress('unpacking (MB)', Math.ceil(total / 1e6));
    let done = 0;
    for (const entry of entries) {
      const path = join(folder, entry.fileName); // yauzl refuses absolute names and '..'
      mkdirSync(dirname(path), { recursive: true });
      const content = await promisify<yauzl.Entry, Readable>(zip.openReadStream.bind(zip))(entry);
      content.on('data', (chunk: Buffer) => {
        done += chunk.length;
        bar.update(Math.floor(done / 1e6));
      });
      await pipeline(content, createWriteStream(path));
    }
    bar.end();
    return entries.length;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw error;
    throw damaged(wheel, error);
  } finally {
    zip.close();
  }
}

async function open(wheel: string): Promise<yauzl.ZipFile> {
  const options = { lazyEntries: true, autoClose: false };
  try {
    return await promisify<string, yauzl.Options, yauzl.ZipFile>(yauzl.open)(wheel, options);
  } catch (error) {
    throw damaged(wheel, error);
  }
}

function list(zip: yauzl.ZipFile): Promise<yauzl.Entry[]> {
  return new Promise((resolve, reject) => {
    const entries: yauzl.Entry[] = [];
    zip.on('entry', (entry: yauzl.Entry) => {
      entries.push(entry);
      zip.readEntry();
    });
    zip.once('end', () => resolve(entries));
    zip.once('error', reject);
    zip.readEntry();
  });
}

function damaged(wheel: string, error: unknown): SetupFailure {
  return new SetupFailure('network', `${wheel} is not a whole wheel: ${messageOf(error)}`, undefined, error);
}
