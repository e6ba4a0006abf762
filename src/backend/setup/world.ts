/** What set-up needs of the outside world, in one object, so that tests can replace it. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';

export interface CommandResult {
  /** The exit code; null when the program did not start or a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  /** Standard output and standard error, in the order of their lines. */
  output: string;
}

export interface CommandOptions {
  /** Variables that differ from the world's environment; undefined removes one. */
  environment?: Record<string, string | undefined>;
  /** Called with each line of both outputs as it comes. */
  onLine?(line: string): void;
  timeoutMs?: number;
}

export interface World {
  environment: NodeJS.ProcessEnv;
  platform: NodeJS.Platform;
  arch: string;
  /** Whether programs here are linked with glibc (Linux). */
  hasGlibc(): boolean;
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs a program to its end, without a shell. Never rejects. */
  run(command: string[], options?: CommandOptions): Promise<CommandResult>;
  /** Bytes that a file in `directory`, or in what will become it, may still take. */
  freeBytes(directory: string): Promise<number>;
}

export function realWorld(environment: NodeJS.ProcessEnv): World {
  return {
    environment,
    platform: process.platform,
    arch: process.arch,
    hasGlibc,
    now: Date.now,
    run: (command, options) => run(environment, command, options),
    async freeBytes(directory) {
      let existing = directory;
      while (!existsSync(existing)) existing = dirname(existing);
      const { bavail, bsize } = await statfs(existing);
      return bavail * bsize;
    },
  };
}

function hasGlibc(): boolean {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  // Naming every socket's peer can take seconds.
  report.excludeNetwork = true;
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime !== undefined;
}

function run(
  environment: NodeJS.ProcessEnv,
  [program, ...argv]: string[],
  { environment: changes, onLine, timeoutMs }: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(program, argv, {
      env: { ...environment, ...changes },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    const stdout: string[] = [];
    const lines: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line);
        if (stream === child.stdout) stdout.push(line);
        onLine?.(line);
      });
    }
    const end = (code: number | null, signal: NodeJS.Signals | null) => {
      process.off('exit', stop);
      resolve({ code, signal, stdout: stdout.join('\n'), output: lines.join('\n') });
    };
    // A download must not outlive the set-up that wanted it.
    const stop = () => void child.kill();
    process.once('exit', stop);
    child.on('error', (error) => {
      lines.push(error.message);
      end(null, null);
    });
    child.on('close', end);
  });
}
