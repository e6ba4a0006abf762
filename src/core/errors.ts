/**
 * Something the user can mend: a wrong setting, a missing file, a damaged image. The command line prints the
 * message without a stack and exits with 1; every other error is a bug and keeps its stack.
 */
export class UserError extends Error {
  /** @param hint what to do next, printed on a line of its own */
  constructor(
    message: string,
    readonly options: { hint?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UserError';
  }

  get hint(): string | undefined {
    return this.options.hint;
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
