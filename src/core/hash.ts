import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { messageOf, UserError } from './errors.js';

/** SHA-256 of a file, hexadecimal. */
export async function sha256Of(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { signal })) hash.update(chunk as Uint8Array);
  } catch (error) {
    signal?.throwIfAborted();
    throw new UserError(`cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  return hash.digest('hex');
}
