/** The body of a caption request: a photo as it is, with its fields in the query, or a form of both. */
import { ApiError } from './errors.js';
import { parseFields } from './fields.js';
import { raced } from './gate.js';
import type { CaptionFields } from './schemas.js';

export interface Upload {
  photo: Uint8Array;
  fields: CaptionFields;
}

/** More parts than fields exist are refused before they are taken apart. */
const MOST_PARTS = 40;

/** Bytes that the body says it has; the most allowed where it does not say. @throws ApiError 413 */
export function announcedBytes(request: Request, most: number): number {
  const bytes = Number(request.headers.get('content-length') ?? NaN);
  if (!Number.isSafeInteger(bytes) || bytes < 0) return most;
  if (bytes > most) throw tooLarge(most);
  return bytes;
}

/** @throws ApiError 400, 413 or 415, or the signal's reason */
export async function readUpload(request: Request, most: number, signal: AbortSignal): Promise<Upload> {
  const type = request.headers.get('content-type') ?? '';
  const query = [...new URL(request.url).searchParams];
  const form = /^multipart\/form-data\s*(;|$)/i.test(type);
  if (!form && type !== '' && !/^(image\/[\w.+-]+|application\/octet-stream)\s*(;|$)/i.test(type)) {
    throw new ApiError({
      status: 415,
      code: 'unsupported_body',
      message: 'The body is neither a form nor a photo.',
      hint: 'Send multipart/form-data with a file "image", or the photo itself as image/jpeg or the like.',
    });
  }
  const body = await readBody(request, most, signal);
  if (!form) return { photo: body, fields: parseFields(query) };
  const { photo, texts } = await takeApart(body, type);
  return { photo, fields: parseFields([...query, ...texts]) };
}

async function readBody(request: Request, most: number, signal: AbortSignal): Promise<Uint8Array> {
  const reader = request.body?.getReader();
  if (!reader) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await raced(reader.read(), signal);
      if (done) return Buffer.concat(chunks);
      bytes += value.length;
      if (bytes > most) throw tooLarge(most);
      chunks.push(value);
    }
  } catch (error) {
    reader.cancel().catch(() => {}); // the connection may be gone
    throw error;
  }
}

async function takeApart(
  body: Uint8Array,
  type: string,
): Promise<{ photo: Uint8Array; texts: [string, string][] }> {
  let entries: [string, File | string][];
  try {
    if (countOf(body, boundaryOf(type)) > MOST_PARTS) throw new Error('too many parts');
    entries = [...(await new Response(body, { headers: { 'content-type': type } }).formData())];
  } catch (error) {
    throw new ApiError({ status: 400, code: 'bad_form', message: 'The form cannot be read.' }, error);
  }
  const texts = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  const files = entries.filter((entry): entry is [string, File] => typeof entry[1] !== 'string');
  if (files.length !== 1 || files[0][0] !== 'image') {
    throw new ApiError({
      status: 400,
      code: files.length > 1 ? 'several_files' : 'no_image',
      message:
        files.length > 1
          ? 'The form holds several files; a request captions one photo.'
          : 'The form holds no file called "image".',
    });
  }
  return { photo: new Uint8Array(await files[0][1].arrayBuffer()), texts };
}

function boundaryOf(type: string): string {
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(type) ?? [];
  const boundary = quoted ?? plain;
  if (!boundary) throw new Error('no boundary');
  return `--${boundary}`;
}

function countOf(body: Uint8Array, text: string): number {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let count = 0;
  for (let at = buffer.indexOf(text); at >= 0 && count <= MOST_PARTS; at = buffer.indexOf(text, at + 1))
    count++;
  return count;
}

function tooLarge(most: number): ApiError {
  return new ApiError({
    status: 413,
    code: 'body_too_large',
    message: `The body is larger than ${(most / 2 ** 20).toFixed(1)} MiB.`,
    hint: 'Make the photo smaller first.',
  });
}
