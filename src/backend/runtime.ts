/**
 * A native runtime in the cache: TensorFlow's libraries as the PyPI wheel has them, tfjs-node-gpu's addon compiled
 * against them, and `runtime.json`, which is written last and says what the folder must hold.
 *
 *     <cache>/runtime/2.21-cpu-linux-x64/
 *       runtime.json
 *       tfjs_binding.node                   finds the libraries beside it
 *       tensorflow/libtensorflow_cc.so.2    libtensorflow_framework.so.2, include/
 *       nvidia/<part>/lib/                  of the CUDA variant; where TensorFlow's library looks for them
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cacheDirectory, messageOf } from '../core/index.js';
import { npmPackage } from './paths.js';

/** The release series that set-up installs; measured with tfjs-node-gpu 4.22. */
export const tensorflowSeries = '2.21';

/** Which libraries: of the CPU wheel, of the CUDA wheels, or of a directory that the user names. */
export type RuntimeVariant = 'cpu' | 'cuda' | 'directory';

export interface RuntimeRecord {
  format: 1;
  variant: RuntimeVariant;
  /** TensorFlow's full version, or "unknown" for a user's directory before it was loaded. */
  tensorflow: string;
  platform: string;
  arch: string;
  /** `addonRecipe()` at the time of the build. */
  recipe: string;
  /** Bytes of each library and of the addon; paths are relative to the runtime, or absolute. */
  files: Record<string, number>;
}

export const addonName = 'tfjs_binding.node';

/** What the user asked for with `showtell setup`; absent when set-up chose by itself. */
export interface RuntimeChoice {
  variant?: 'cpu' | 'cuda';
  libtensorflow?: string;
}

export function runtimesDirectory(environment: NodeJS.ProcessEnv): string {
  return join(cacheDirectory(environment, process.platform), 'runtime');
}

/** Where the runtime of a variant lies; each user's directory has one of its own. */
export function runtimeDirectory(
  environment: NodeJS.ProcessEnv,
  variant: RuntimeVariant,
  libtensorflow = '',
): string {
  const name =
    variant === 'directory'
      ? `directory-${createHash('sha256').update(resolve(libtensorflow)).digest('hex').slice(0, 12)}`
      : `${tensorflowSeries}-${variant}`;
  return join(runtimesDirectory(environment), `${name}-${process.platform}-${process.arch}`);
}

export function readChoice(environment: NodeJS.ProcessEnv): RuntimeChoice {
  const path = choicePath(environment);
  try {
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as RuntimeChoice) : {};
  } catch {
    return {};
  }
}

export function choicePath(environment: NodeJS.ProcessEnv): string {
  return join(runtimesDirectory(environment), 'choice.json');
}

/** Changes whenever an addon built earlier must not be used any more: its sources or the way of building it changed. */
export function addonRecipe(): string {
  const folder = addonPackage();
  const hash = createHash('sha256').update('recipe 1\n');
  for (const file of readdirSync(join(folder, 'binding')).sort()) {
    hash.update(`${file}\n`).update(readFileSync(join(folder, 'binding', file)));
  }
  return hash.digest('hex').slice(0, 16);
}

/** The npm package whose C++ sources make the addon and whose JavaScript drives it. */
export function addonPackage(): string {
  const folder = npmPackage('@tensorflow/tfjs-node-gpu');
  if (!folder) throw new Error('the npm package @tensorflow/tfjs-node-gpu is not installed');
  return folder;
}

/** Reads a runtime's record and compares it with this machine and the files. Throws an Error that says what is wrong. */
export function checkRuntime(directory: string, variant: RuntimeVariant): RuntimeRecord {
  if (!existsSync(directory)) throw new Error('it is not set up; run `showtell setup`');
  const record = readRecord(join(directory, 'runtime.json'));
  const expect = (what: string, found: unknown, wanted: unknown) => {
    if (found !== wanted) throw new Error(`its ${what} is ${String(found)}, not ${String(wanted)}${rebuild}`);
  };
  expect('format', record.format, 1);
  expect('variant', record.variant, variant);
  expect('platform', `${record.platform}-${record.arch}`, `${process.platform}-${process.arch}`);
  if (variant !== 'directory') {
    expect(
      'TensorFlow version',
      String(record.tensorflow).split('.').slice(0, 2).join('.'),
      tensorflowSeries,
    );
  }
  expect('addon recipe', record.recipe, addonRecipe());
  const files = Object.entries(record.files ?? {});
  if (!files.some(([file]) => file === addonName))
    throw new Error(`its runtime.json names no addon${rebuild}`);
  for (const [file, bytes] of files) {
    const path = resolve(directory, file);
    const found = statSync(path, { throwIfNoEntry: false })?.size;
    if (found === undefined) throw new Error(`${path} is missing${rebuild}`);
    if (found !== bytes) throw new Error(`${path} has ${found} bytes, not ${bytes}${rebuild}`);
  }
  return record;
}

const rebuild = '; `showtell setup` rebuilds it';

function readRecord(path: string): RuntimeRecord {
  if (!existsSync(path)) throw new Error(`it is half built: ${path} is missing${rebuild}`);
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as RuntimeRecord;
  } catch (error) {
    throw new Error(`${path} is damaged (${messageOf(error)})${rebuild}`, { cause: error });
  }
}
