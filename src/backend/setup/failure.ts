import { messageOf, UserError } from '../../core/index.js';

/** What kept a native runtime from being set up: decides the wording around it, and when to try again. */
export type FailureKind = 'unsupported' | 'missing' | 'disk' | 'network' | 'build' | 'check';

/** Native TensorFlow cannot be set up here. Automatic set-up reports it in one line and goes on without. */
export class SetupFailure extends Error {
  /** @param hint how to mend it */
  constructor(
    readonly kind: FailureKind,
    message: string,
    readonly hint?: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'SetupFailure';
  }
}

/**
 * What went wrong, as far as the outside world can be the reason: our own failures, a user's wrong directory, and
 * what the file system refuses. Anything else is a bug and is thrown on.
 */
export function asFailure(error: unknown): SetupFailure {
  if (error instanceof SetupFailure) return error;
  if (error instanceof UserError) return new SetupFailure('missing', error.message, error.hint, error);
  if (error instanceof Error && 'syscall' in error) {
    return new SetupFailure('disk', messageOf(error), 'SHOWTELL_CACHE names another cache directory', error);
  }
  throw error;
}
