/** What a command of `showtell` is: data that main.ts registers and runs. */
import type { InferredOptionTypes, Options, PositionalOptions } from 'yargs';
import type { Log } from '../core/index.js';

/** What a command may use of the outside world, so that tests can run it in-process. */
export interface CliContext {
  /** News and progress, on standard error. */
  log: Log;
  /** Writes one line of result to standard output. */
  print(line: string): void;
  /** The environment variables. */
  environment: NodeJS.ProcessEnv;
  /** Aborted by the first Ctrl-C when the command is `interruptible`. */
  signal: AbortSignal;
}

/** What shells report of a process that Ctrl-C ended: 128 + SIGINT. */
export const interruptedCode = 130;

export interface CliCommand {
  /** The word after `showtell`. */
  name: string;
  /** One line for the help. */
  describe: string;
  /** Named options, as yargs takes them; `--help` shows their descriptions and defaults. */
  options: Record<string, Options>;
  /** The positional argument, e.g. `{ name: 'image', many: true, describe: '...' }`; required when given. */
  positional?: { name: string; many?: boolean } & PositionalOptions;
  /** Command lines with what they do, shown by `--help`. */
  examples?: [command: string, describe: string][];
  /**
   * When the handler watches `context.signal` and returns: what it does first after Ctrl-C, as in `saving`. Otherwise
   * Ctrl-C ends the process at once.
   */
  interruptible?: string;
  /** Does the work; may return an exit code (default 0). Throws UserError for what the user can mend. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- defineCommand gives the arguments their types
  handler(args: any, context: CliContext): Promise<number | void>;
}

/** A command whose handler's arguments are typed by its options. A positional argument arrives as string(s). */
export function defineCommand<O extends Record<string, Options>>(
  command: Omit<CliCommand, 'options' | 'handler'> & {
    options: O;
    handler(
      args: InferredOptionTypes<O> & Record<string, unknown>,
      context: CliContext,
    ): Promise<number | void>;
  },
): CliCommand {
  return command;
}
