/** Answers other than the one that was asked for: a status, a code for programs, a sentence for people. */
import type { ErrorResponse } from './schemas.js';

export interface Refusal {
  status: 400 | 401 | 403 | 404 | 405 | 408 | 413 | 415 | 422 | 500 | 503 | 504;
  code: string;
  message: string;
  hint?: string;
  /** Of a 503: seconds until another try makes sense. */
  retryAfter?: number;
}

/** A refusal that is thrown. Its text goes to the client, so it says nothing of files, stacks or versions. */
export class ApiError extends Error {
  constructor(
    readonly refusal: Refusal,
    cause?: unknown,
  ) {
    super(refusal.message, { cause });
    this.name = 'ApiError';
  }
}

export function errorBody({ code, message, hint }: Refusal): ErrorResponse {
  return { error: { code, message, ...(hint !== undefined && { hint }) } };
}

export const refusals = {
  internal: { status: 500, code: 'internal', message: 'Something failed here. It has been noted.' },
  modelFailed: {
    status: 500,
    code: 'model_failed',
    message: 'The model failed while it captioned the photo.',
  },
  deadline: {
    status: 504,
    code: 'deadline',
    message: 'The photo was not captioned within the time allowed for a request.',
  },
  stopping: { status: 503, code: 'stopping', message: 'The service is stopping.', retryAfter: 10 },
  gone: { status: 408, code: 'gone', message: 'The client left.' },
  notFound: { status: 404, code: 'not_found', message: 'There is nothing at this address.' },
} as const satisfies Record<string, Refusal>;
