/** What tests of the service share: checkpoints, a photo, requests without a socket. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Service } from '../../src/serve/index.js';
import { errorResponse } from '../../src/serve/schemas.js';
import { writeTinyCheckpoint } from './tiny-checkpoint.js';

export interface Checkpoints {
  attention: string;
  lstm: string;
  remove(): void;
}

/** One of each decoder; they see photos differently. */
export async function writeCheckpoints(): Promise<Checkpoints> {
  const directory = mkdtempSync(join(tmpdir(), 'showtell-serve-'));
  const [attention, lstm] = [join(directory, 'attention'), join(directory, 'lstm')];
  await writeTinyCheckpoint(attention);
  await writeTinyCheckpoint(
    lstm,
    { type: 'lstm', embedding: 8, hidden: 8, layers: 1 },
    { resize: 40, crop: 32 },
  );
  return { attention, lstm, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** A JPEG of 96 x 64 pixels. */
export function noisyPhoto(): Promise<Buffer> {
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
  return sharp({ create: { width: 96, height: 64, channels: 3, background: 'grey', noise } })
    .jpeg()
    .toBuffer();
}

type Body = ConstructorParameters<typeof Response>[0];

/** Sends a photo as the body; other headers may say that it is something else. */
export async function post(
  { app }: Service,
  body: Body | Buffer,
  query = '',
  headers: Record<string, string> = {},
): Promise<Response> {
  return app.request(`/api/captions${query}`, {
    method: 'POST',
    body: Buffer.isBuffer(body) ? new Uint8Array(body) : body,
    headers: { 'content-type': 'image/jpeg', ...headers },
  });
}

export async function postForm({ app }: Service, fields: Record<string, string | Blob>): Promise<Response> {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return app.request('/api/captions', { method: 'POST', body: data });
}

/** Status and code of a refusal, whose body is checked against its schema. */
export async function refusalOf(answer: Response | Promise<Response>) {
  const response = await answer;
  const { error } = errorResponse.parse(await response.json());
  return { status: response.status, code: error.code, retryAfter: response.headers.get('retry-after') };
}
