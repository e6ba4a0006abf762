/**
 * Our own kernels for TensorFlow on the CPU (native/, C++): where their library lies, and whether it is in this process.
 * Set-up builds it for this machine's processor (setup/kernels.ts); without it everything is computed by TensorFlow's own
 * operations.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../core/index.js';
import { packageRoot, require } from './paths.js';

/** `-march=native`: the library is for this processor only, which its name tells. */
export const kernelFlags = [
  ...['-std=c++17', '-O3', '-march=native', '-fopenmp-simd'],
  // So that loops with conversions and comparisons become vectors; the results stay those of IEEE arithmetic.
  ...['-fno-math-errno', '-fno-trapping-math'],
];

/** The sources, or none where they are not installed. */
export function kernelSources(): string[] {
  const folder = join(packageRoot(), 'native');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /\.(cc|h)$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/**
 * The library that goes with a runtime, these sources and this processor, whether it is there or not.
 * @param runtime its directory @param tensorflow its version
 */
export function kernelLibrary(runtime: string, tensorflow: string): string {
  const hash = createHash('sha256').update(JSON.stringify([kernelFlags, tensorflow, processor()]));
  for (const file of kernelSources()) hash.update(readFileSync(file));
  return join(runtime, `kernels-${hash.digest('hex').slice(0, 16)}.node`);
}

/** Beside a library that could not be built: why. */
export function failureOf(library: string): string {
  return `${library}.failure`;
}

/** Everything that `-march=native` may look at, on Linux. */
function processor(): string {
  const cpuinfo = '/proc/cpuinfo';
  if (!existsSync(cpuinfo)) return process.arch;
  const lines = /^(?:vendor_id|cpu family|model|flags|Features|CPU part)\s*:.*$/gm;
  return [...new Set(readFileSync(cpuinfo, 'utf8').match(lines) ?? [])].join('\n');
}

/** Why the kernels must not be loaded into a TensorFlow of that kind, or undefined. */
export function reasonAgainstKernels(
  kind: 'npm' | 'runtime',
  usesGpu: boolean,
  environment: NodeJS.ProcessEnv,
): string | undefined {
  if (environment.SHOWTELL_KERNELS === 'off') return 'SHOWTELL_KERNELS is off';
  if (usesGpu) return 'they are for the CPU';
  return kind === 'npm' ? 'npm installed this TensorFlow without its headers' : undefined;
}

/**
 * Loads the library after TensorFlow itself; TensorFlow knows its operations then.
 * @returns why it was not loaded, or undefined
 */
export function loadKernels(runtime: string, tensorflow: string): string | undefined {
  try {
    const library = kernelLibrary(runtime, tensorflow);
    if (!existsSync(library)) {
      const failure = failureOf(library);
      return existsSync(failure) ? readFileSync(failure, 'utf8') : 'not built; `showtell setup` builds them';
    }
    require(library);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
