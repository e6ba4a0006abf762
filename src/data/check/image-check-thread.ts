/** A thread that looks at image files: can each be decoded, what is in it, what does it look like. */
import { createHash } from 'node:crypto';
import { answerRequests, UserError } from '../../core/index.js';
import { decodeImage, readImageFile } from '../image.js';
import { fingerprint } from './fingerprint.js';
import { problemKind, type ImageFacts } from './image-facts.js';

answerRequests(async (path: string): Promise<ImageFacts> => {
  try {
    const bytes = await readImageFile(path);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    try {
      const image = await decodeImage(bytes, path);
      const { width, height } = image;
      return { bytes: bytes.length, sha256, width, height, fingerprint: fingerprint(image) };
    } catch (error) {
      return problem(error, bytes);
    }
  } catch (error) {
    return problem(error);
  }
});

function problem(error: unknown, bytes?: Uint8Array): ImageFacts {
  if (!(error instanceof UserError)) throw error;
  return { problem: { kind: problemKind(error, bytes), message: error.message } };
}
