/** Builds our own kernels beside a runtime of the CPU; without them everything works, slower. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, writeFileAtomic, type Log } from '../../core/index.js';
import { nativePlaces, type RuntimePlace } from '../candidates.js';
import { failureOf, kernelFlags, kernelLibrary, kernelSources } from '../kernels.js';
import { npmPackage } from '../paths.js';
import { addonName, checkRuntime } from '../runtime.js';
import { checkAddon } from './check.js';
import { locateLibraries } from './libraries.js';
import { constructionName } from './place.js';
import { findCompiler } from './tools.js';
import { realWorld, type World } from './world.js';

export interface KernelSurroundings {
  log: Log;
  environment: NodeJS.ProcessEnv;
  /** Try again what failed before. */
  again?: boolean;
  /** Tests replace it. */
  world?: World;
}

/**
 * Makes the kernels of the runtime that will be used, unless they are there or could not be made before.
 * @returns why there are none, or undefined
 */
export async function buildKernels(surroundings: KernelSurroundings): Promise<string | undefined> {
  const { log, environment, again = false, world = realWorld(environment) } = surroundings;
  const place = runtimeInUse(environment);
  if (!place) return 'there is no runtime of our own for the CPU';
  if (kernelSources().length === 0) return 'their sources are not installed';
  const { directory, variant, libtensorflow } = place;
  const { tensorflow } = checkRuntime(directory, variant);
  const library = kernelLibrary(directory, tensorflow);
  if (existsSync(library)) return undefined;
  if (!again && existsSync(failureOf(library))) return 'they could not be built before';
  const temporary = `${constructionName(library)}.node`;
  try {
    const compiler = await findCompiler(world);
    log.info('compiling kernels for this processor');
    await compile(world, compiler, temporary, filesOf(directory, libtensorflow));
    await checkAddon(world, join(directory, addonName), temporary);
    renameSync(temporary, library);
    rmSync(failureOf(library), { force: true });
    return undefined;
  } catch (error) {
    rmSync(temporary, { force: true });
    const why = messageOf(error);
    writeFileAtomic(failureOf(library), why);
    log.warn(`kernels for this processor cannot be built: ${why}. Training is slower without them`);
    return why;
  }
}

/** The first place that has a runtime, if it is one that set-up builds for the CPU. */
function runtimeInUse(environment: NodeJS.ProcessEnv): RuntimePlace | undefined {
  for (const place of nativePlaces(environment)) {
    if (place.kind !== 'runtime' || place.variant === 'cuda') continue;
    try {
      checkRuntime(place.directory, place.variant);
      return place;
    } catch {
      // The next one may be whole.
    }
  }
  return undefined;
}

interface TensorflowFiles {
  headers: string;
  libraries: string[];
}

function filesOf(directory: string, libtensorflow: string | undefined): TensorflowFiles {
  if (libtensorflow !== undefined) {
    const { headers, files } = locateLibraries(libtensorflow);
    return { headers, libraries: files };
  }
  const folder = join(directory, 'tensorflow');
  const ending = process.platform === 'darwin' ? '2.dylib' : 'so.2';
  const libraries = ['cc', 'framework'].map((name) => join(folder, `libtensorflow_${name}.${ending}`));
  return { headers: join(folder, 'include'), libraries };
}

async function compile(
  world: World,
  compiler: string[],
  output: string,
  { headers, libraries }: TensorflowFiles,
): Promise<void> {
  const mac = world.platform === 'darwin';
  const result = await world.run([
    ...compiler,
    ...(mac ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared']),
    ...['-fPIC', '-DNAPI_VERSION=8', ...kernelFlags],
    ...['-I', join(npmPackage('node-api-headers')!, 'include'), '-I', headers],
    ...kernelSources().filter((name) => name.endsWith('.cc')),
    ...['-o', output],
    // The addon has brought them into the process.
    ...libraries,
    ...(mac ? [] : ['-lpthread']),
  ]);
  if (result.code === 0) return;
  const lines = result.output.split('\n');
  const error = lines.find((line) => /\berror\b/i.test(line)) ?? lines.findLast(Boolean) ?? 'it said nothing';
  throw new Error(`${compiler[0]} says: ${error.trim()}`);
}
