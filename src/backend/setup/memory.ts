/**
 * What set-up remembers from one run to the next, so that `npm test` does not try for minutes what failed a moment
 * ago. Losing it costs time only: a damaged or unwritable file counts as an empty one.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../../core/index.js';
import { runtimesDirectory } from '../runtime.js';

export interface RememberedFailure {
  message: string;
  hint?: string;
  /** Milliseconds since 1970. */
  time: number;
  /** `circumstances()` then: when they differ now, another attempt may succeed. */
  circumstances: string;
}

export interface Memory {
  /** By the directory of the runtime that could not be built. */
  failures: Record<string, RememberedFailure>;
  /** By the path of an addon that npm installed: whether it computed. */
  addons: Record<string, { stamp: string; failure?: string }>;
}

export function memoryPath(environment: NodeJS.ProcessEnv): string {
  return join(runtimesDirectory(environment), 'memory.json');
}

export function readMemory(environment: NodeJS.ProcessEnv): Memory {
  let found: Partial<Memory> | null = null;
  try {
    found = JSON.parse(readFileSync(memoryPath(environment), 'utf8')) as Partial<Memory> | null;
  } catch {
    // absent or damaged
  }
  return { failures: found?.failures ?? {}, addons: found?.addons ?? {} };
}

export function changeMemory(environment: NodeJS.ProcessEnv, change: (memory: Memory) => void): void {
  const memory = readMemory(environment);
  change(memory);
  try {
    writeFileAtomic(memoryPath(environment), `${JSON.stringify(memory, null, 2)}\n`);
  } catch {
    // The cache directory may be what set-up failed at.
  }
}

/** Changes when an addon's verdict is out of date: another file, or another Node. */
export function addonStamp(addon: string): string {
  const { size, mtimeMs } = statSync(addon);
  return `${size} ${mtimeMs} ${process.version}`;
}
