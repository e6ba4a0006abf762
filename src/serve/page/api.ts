/** The service's API as the page uses it; ../schemas.ts has all of it. */
import { readEvents } from './sse.js';
import { keep, recall } from './store.js';

export interface Model {
  id: string;
  encoder: string;
  decoder: 'lstm' | 'soft-attention';
  attention: boolean;
}

export interface Service {
  models: Model[];
  limits: { uploadBytes: number; pixels: number; types: string[]; beam: number; words: number };
}

export interface Size {
  width: number;
  height: number;
}

export interface Attention {
  regionFractions: Size & { left: number; top: number };
  grid: Size;
  words: { word: string; weights: number[][]; normalizedEntropy: number; effectiveCells: number }[];
}

export interface Caption {
  caption: string;
  words: string[];
  probability: number;
  finished: boolean;
  attention?: Attention;
}

export interface Listener {
  waiting(): void;
  words(model: string, caption: string): void;
  result(model: string, captions: Caption[]): void;
}

/** An answer that is none. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    /** Of the service's errors (../errors.ts), or `broken_off`. */
    readonly code: string | undefined,
    message: string,
    /** Seconds until another try makes sense. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

const TOKEN = 'showtell-token';
/** Tries of a request that is told to come back. */
const TRIES = 8;
/** Seconds that the page waits at most before it asks a busy service again. */
const LONGEST_WAIT = 60;

/** Where the browser stores nothing the token holds until the page is left. */
let token = recall('sessionStorage', TOKEN);

export function setToken(value: string): void {
  token = value;
  keep('sessionStorage', TOKEN, value);
}

function headers(): Record<string, string> {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function checked(response: Response): Promise<Response> {
  if (response.ok) return response;
  let message = `${response.status} ${response.statusText}`;
  let code: string | undefined;
  try {
    const { error } = (await response.json()) as { error: { code: string; message: string; hint?: string } };
    code = error.code;
    message = error.hint ? `${error.message} ${error.hint}` : error.message;
  } catch {
    // A proxy in between may answer in its own way.
  }
  const { status, headers } = response;
  throw new ApiError(
    status,
    code,
    message,
    status === 503 ? secondsUntil(headers.get('retry-after')) : undefined,
  );
}

/** Of `Retry-After`: seconds or a date (RFC 9110, section 10.2.3). */
function secondsUntil(value: string | null): number {
  const text = value ?? '';
  const seconds = /^\s*\d+\s*$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Math.min(Math.max(seconds || 1, 1), LONGEST_WAIT);
}

export async function fetchService(): Promise<Service> {
  const response = await checked(await fetch('/api/models', { headers: headers() }));
  return (await response.json()) as Service;
}

/** Tells the listener of everything that comes; a busy service is asked again. @throws ApiError, or what fetch throws */
export async function captionPhoto(
  photo: Blob,
  fields: Record<string, string>,
  listener: Listener,
  signal: AbortSignal,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await captionOnce(photo, fields, listener, signal);
    } catch (error) {
      if (!(error instanceof ApiError) || error.retryAfter === undefined || tries === TRIES) throw error;
      listener.waiting();
      await pause(error.retryAfter * 1000, signal);
    }
  }
}

async function captionOnce(
  photo: Blob,
  fields: Record<string, string>,
  listener: Listener,
  signal: AbortSignal,
): Promise<void> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append('image', photo, 'photo');
  const response = await checked(
    await fetch('/api/captions', {
      method: 'POST',
      headers: { ...headers(), Accept: 'text/event-stream' },
      body: form,
      signal,
    }),
  );
  for await (const { name, data } of readEvents(response.body!)) {
    const content = JSON.parse(data) as never;
    if (name === 'words') {
      const { model, caption } = content as { model: string; caption: string };
      listener.words(model, caption);
    } else if (name === 'result') {
      const { model, captions } = content as { model: string; captions: Caption[] };
      listener.result(model, captions);
    } else if (name === 'error') {
      const { error } = content as { error: { code: string; message: string } };
      throw new ApiError(500, error.code, error.message);
    } else if (name === 'done') return;
  }
  throw new ApiError(502, 'broken_off', 'The answer broke off.');
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}
