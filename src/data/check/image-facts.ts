/** What is found out of every image of a data set, by threads. */
import { join } from 'node:path';
import { compiledScript, ThreadPool, type Log, type UserError } from '../../core/index.js';
import { prefetch } from '../prefetch.js';
import type { Fingerprint } from './fingerprint.js';

export type ImageProblem = 'missing' | 'truncated' | 'corrupt' | 'oversize';

export type ImageFacts =
  | {
      /** size of the file */
      bytes: number;
      sha256: string;
      /** pixels, after the EXIF orientation */
      width: number;
      height: number;
      fingerprint: Fingerprint | null;
    }
  | { problem: { kind: ImageProblem; message: string } };

/**
 * Which kind of problem an error of the image reader tells of.
 * @param bytes of the file, where it could be read
 */
export function problemKind({ message }: UserError, bytes?: Uint8Array): ImageProblem {
  if (/ does not exist\.$/.test(message)) return 'missing';
  if (/million pixels/.test(message)) return 'oversize';
  if (/ is empty /.test(message) || (bytes && isCutOff(bytes))) return 'truncated';
  return 'corrupt';
}

/** Whether a JPEG, PNG, GIF or WebP file lacks its end; libvips' messages do not tell, for its threads share them. */
function isCutOff(bytes: Uint8Array): boolean {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const begins = (text: string, at = 0) => file.toString('latin1', at, at + text.length) === text;
  const holds = (text: string) => file.subarray(-64).includes(text, 0, 'latin1');
  if (begins('\xff\xd8\xff')) return !holds('\xff\xd9');
  if (begins('\x89PNG')) return !holds('IEND');
  if (begins('GIF8')) return !holds(';');
  if (begins('RIFF') && begins('WEBP', 8)) return file.readUInt32LE(4) + 8 > file.length;
  return false;
}

/** Images asked for ahead of the one that is taken. */
const AHEAD = 32;

/** Facts by image. @throws the signal's reason when it is aborted */
export async function examineImages(
  images: readonly string[],
  directory: string,
  { log, signal, threads }: { log: Log; signal?: AbortSignal; threads?: number },
): Promise<Map<string, ImageFacts>> {
  const pool = new ThreadPool<string, ImageFacts>(
    compiledScript(import.meta.url, 'image-check-thread.js'),
    null,
    threads,
  );
  const progress = log.progress('checking images', images.length);
  const facts = new Map<string, ImageFacts>();
  const examine = async (image: string) => ({ image, found: await pool.run(join(directory, image)) });
  try {
    for await (const { image, found } of prefetch(images, () => AHEAD, examine)) {
      signal?.throwIfAborted();
      facts.set(image, found);
      progress.update(facts.size);
    }
  } finally {
    progress.end();
    await pool.close();
  }
  return facts;
}
