/** The command line: finds the command, loads only its module, parses its arguments, prints its errors. */
import yargs from 'yargs';
import type { Argv } from 'yargs';
import { messageOf, UserError } from '../core/index.js';
import { terminalLog } from './terminal.js';
import { interruptedCode, type CliCommand, type CliContext } from './types.js';

type Module = { command: CliCommand };

/** In the order of the help. */
const modules: Record<string, () => Promise<Module>> = {
  train: () => import('./train.js'),
  runs: () => import('./runs.js'),
  evaluate: () => import('./evaluate.js'),
  compare: () => import('./compare.js'),
  caption: () => import('./caption.js'),
  serve: () => import('./serve.js'),
  import: () => import('./import.js'),
  export: () => import('./export.js'),
  weights: () => import('./weights.js'),
  data: () => import('./data.js'),
  demo: () => import('./demo.js'),
  info: () => import('./info.js'),
  setup: () => import('./setup.js'),
};

/** Where a run of the command line writes and what it reads; tests replace all of it. */
export interface CliStreams {
  stdout: { write(text: string): unknown };
  stderr: { write(text: string): unknown; isTTY?: boolean; columns?: number };
  environment: NodeJS.ProcessEnv;
}

/**
 * Runs one command line.
 * @param argv the words after `showtell`
 * @returns the exit code: 0, or 1 after an error
 */
export async function main(argv: string[], streams: CliStreams = defaultStreams()): Promise<number> {
  const { stdout, stderr, environment } = streams;
  const context: CliContext = {
    log: terminalLog(stderr),
    print: (line) => void stdout.write(`${line}\n`),
    environment,
    signal: new AbortController().signal,
  };
  try {
    return await dispatch(argv, context, stdout);
  } catch (error) {
    stderr.write(describeError(error));
    return 1;
  }
}

function defaultStreams(): CliStreams {
  return { stdout: process.stdout, stderr: process.stderr, environment: process.env };
}

async function dispatch(argv: string[], context: CliContext, stdout: CliStreams['stdout']): Promise<number> {
  // Only the wanted module is loaded: the others would cost the start-up time of their libraries.
  const wanted = argv.find((word) => !word.startsWith('-'));
  const load =
    wanted === undefined ? undefined : Object.hasOwn(modules, wanted) ? modules[wanted] : undefined;
  if (wanted !== undefined && !load) {
    throw new UserError(`unknown command "${wanted}"`, {
      hint: `commands: ${Object.keys(modules).join(', ')}; \`showtell --help\` describes them`,
    });
  }
  const commands = load
    ? [(await load()).command]
    : await Promise.all(Object.values(modules).map(async (each) => (await each()).command));

  let exitCode = 0;
  const parser = commands.reduce(
    (cli, command) =>
      register(cli, command, async (args) => {
        exitCode = (await runHandler(command, args, context)) ?? 0;
      }),
    frame(argv),
  );
  await parser.parseAsync(argv, {}, (_error, _args, output) => {
    if (output) stdout.write(`${output}\n`);
  });
  return exitCode;
}

function frame(argv: string[]): Argv {
  return yargs(argv)
    .scriptName('showtell')
    .usage('$0 <command> [options]\n\nTrain, evaluate and run image captioning models.')
    .parserConfiguration({ 'dot-notation': false })
    .locale('en')
    .demandCommand(1, 'Which command? `showtell --help` lists them.')
    .strict()
    .recommendCommands()
    .help()
    .alias('help', 'h')
    .version(false)
    .wrap(100)
    .exitProcess(false)
    .fail((message, error) => {
      // yargs hands over the handler's own errors as well: those pass through unchanged.
      throw error instanceof Error && error.name !== 'YError'
        ? error
        : new UserError(message ?? messageOf(error), {
            hint: '`showtell --help` or `showtell <command> --help`',
          });
    });
}

function register(
  cli: Argv,
  command: CliCommand,
  run: (args: Record<string, unknown>) => Promise<void>,
): Argv {
  const { positional } = command;
  const [open, close] = positional && 'default' in positional ? '[]' : '<>';
  const usage = positional
    ? `${command.name} ${open}${positional.name}${positional.many ? '..' : ''}${close}`
    : command.name;
  return cli.command(
    usage,
    command.describe,
    (builder) => {
      let inner = builder
        .usage(`$0 ${usage} [options]\n\n${command.describe}`)
        .options(command.options)
        .check((args) => givenOnce(args, command));
      if (positional) {
        const { name, many, ...options } = positional;
        inner = inner.positional(name, { type: 'string', array: many, ...options }) as typeof inner;
      }
      for (const [line, describe] of command.examples ?? []) inner = inner.example(line, describe);
      return inner;
    },
    (args) => run(args),
  );
}

/** yargs makes a list of an option that is repeated, whatever its type. */
function givenOnce(args: Record<string, unknown>, { options }: CliCommand): true {
  const repeated = Object.keys(options).find((name) => Array.isArray(args[name]) && !options[name].array);
  if (repeated === undefined) return true;
  throw new UserError(`--${repeated} is given more than once`);
}

async function runHandler(command: CliCommand, args: unknown, context: CliContext): Promise<number | void> {
  const { interruptible } = command;
  if (!interruptible) return command.handler(args, context);
  const controller = new AbortController();
  const interrupt = () => {
    context.log.warn(`interrupted: ${interruptible}; Ctrl-C again ends at once`);
    controller.abort();
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    return await command.handler(args, { ...context, signal: controller.signal });
  } catch (error) {
    if (!controller.signal.aborted || error !== controller.signal.reason) throw error;
    return interruptedCode;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

/** A user's error is its message and hint; a bug keeps its stack. */
export function describeError(error: unknown): string {
  if (error instanceof UserError) {
    return `error: ${error.message}\n${error.hint === undefined ? '' : `  ${error.hint}\n`}`;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `showtell failed; this is a bug:\n${stack}\n`;
}
