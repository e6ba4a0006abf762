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

/** Which kind of problem an error of the image reader tells of. */
export function problemKind({ message }: UserError): ImageProblem {
  if (/ does not exist\.$/.test(message)) return 'missing';
  if (/million pixels/.test(message)) return 'oversize';
  // In the words of libjpeg, libspng, libwebp and libvips.
  return /0 bytes|premature|truncat|end of (stream|file)|unexpected end|too short|read error/i.test(message)
    ? 'truncated'
    : 'corrupt';
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
