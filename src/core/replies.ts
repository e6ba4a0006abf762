/** Errors as plain data, for the way between threads and processes. */
import { UserError } from './errors.js';

export interface ErrorReply {
  message: string;
  /** The user can mend it. */
  user: boolean;
  hint?: string;
  /** Of a bug. */
  stack?: string;
}

export function toReply(error: unknown): ErrorReply {
  if (error instanceof UserError) return { message: error.message, user: true, hint: error.hint };
  if (error instanceof Error) return { message: error.message, user: false, stack: error.stack };
  return { message: String(error), user: false };
}

export function fromReply({ message, user, hint, stack }: ErrorReply): Error {
  if (user) return new UserError(message, { hint });
  const error = new Error(message);
  if (stack) error.stack = stack;
  return error;
}
