/** Builds a native runtime under another name and puts it in its place once it has computed. */
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { sync, type Log } from '../../core/index.js';
import type { RuntimePlace } from '../candidates.js';
import { addonName, addonRecipe, checkRuntime, tensorflowSeries, type RuntimeRecord } from '../runtime.js';
import { checkAddon, type CheckedAddon } from './check.js';
import { compileAddon } from './compile.js';
import { downloadWheel } from './download.js';
import { SetupFailure } from './failure.js';
import { locateLibraries } from './libraries.js';
import { constructionName, putInPlace, removeLeftovers } from './place.js';
import { distribution, wheelsOfExtra, type Distribution } from './platform.js';
import { findCompiler, findPip } from './tools.js';
import { unpackWheel } from './unpack.js';
import type { World } from './world.js';

export interface BuildOptions {
  /** Replace a runtime even when another process has just built the same. */
  force?: boolean;
}

/** Throws a SetupFailure when it cannot be built here, a UserError when the user's directory is wrong. */
export async function buildRuntime(
  place: RuntimePlace,
  world: World,
  log: Log,
  { force = false }: BuildOptions = {},
): Promise<CheckedAddon> {
  const parent = dirname(place.directory);
  mkdirSync(parent, { recursive: true });
  removeLeftovers(parent, world.now());
  const folder = constructionName(place.directory);
  try {
    const started = world.now();
    const recorded =
      place.variant === 'directory'
        ? await useDirectory(place.libtensorflow!, folder, world, log)
        : await useWheels(distribution(world, place.variant), folder, world, log);
    log.info('checking that TensorFlow computes');
    const checked = await checkAddon(world, join(folder, addonName));
    writeRecord(folder, place, world, checked, recorded);
    putInPlace(folder, place.directory, () => !force && isWhole(place));
    log.info(`set-up took ${Math.round((world.now() - started) / 1000)} s`);
    return checked;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function isWhole(place: RuntimePlace): boolean {
  try {
    checkRuntime(place.directory, place.variant);
    return true;
  } catch {
    return false;
  }
}

/** Compiles against a directory of the user's, which the addon then refers to. Returns the files to record. */
async function useDirectory(directory: string, folder: string, world: World, log: Log): Promise<string[]> {
  const { files, folder: libraries, headers } = locateLibraries(directory);
  const compiler = await findCompiler(world);
  mkdirSync(folder);
  log.info(`compiling TensorFlow.js' addon against ${libraries}`);
  const output = join(folder, addonName);
  await compileAddon(world, {
    compiler,
    headers,
    libraries: files,
    rpath: { absolute: libraries },
    output,
  });
  return [...files, addonName];
}

async function useWheels(wanted: Distribution, folder: string, world: World, log: Log): Promise<string[]> {
  // What costs nothing comes before what costs a download.
  const compiler = await findCompiler(world);
  const pip = await findPip(world);
  await checkDisk(wanted.diskBytes, dirname(folder), world);
  mkdirSync(folder);
  log.info(
    `setting up native TensorFlow ${tensorflowSeries}, once: downloads about ${wanted.downloadMB} MB to ${dirname(folder)}`,
  );
  const fetch = async (wheel: Distribution['tensorflow'], keep: (name: string) => boolean) => {
    const temporary = join(folder, 'download');
    const file = await downloadWheel(world, pip, wheel, temporary, log);
    await unpackWheel(file, folder, keep, log);
    rmSync(temporary, { recursive: true, force: true });
  };
  const libraries = wanted.libraries.map((name) => join(folder, 'tensorflow', name));
  await fetch(wanted.tensorflow, (name) => isWantedOfTensorflow(name, wanted.libraries));
  for (const library of libraries) {
    if (!statSync(library, { throwIfNoEntry: false })) {
      throw new SetupFailure('network', `the wheel of ${wanted.tensorflow.requirement} has no ${library}`);
    }
  }
  if (wanted.extra !== undefined) {
    const [metadata] = readdirSync(folder).filter((name) => name.endsWith('.dist-info'));
    const text = readFileSync(join(folder, metadata, 'METADATA'), 'utf8');
    for (const wheel of wheelsOfExtra(text, wanted.extra)) await fetch(wheel, isWantedOfNvidia);
  }
  log.info("compiling TensorFlow.js' addon");
  await compileAddon(world, {
    compiler,
    headers: join(folder, 'tensorflow', 'include'),
    libraries,
    rpath: { beside: 'tensorflow' },
    output: join(folder, addonName),
  });
  return filesIn(folder).map((path) => relative(folder, path));
}

/** The headers of TensorFlow's C API (`tensorflow/c`, also for kernels of one's own) and what those include. */
const headerFolders = [
  'tensorflow/c',
  'tensorflow/core/common_runtime/next_pluggable_device/c',
  'tensorflow/core/platform',
  'tsl/platform',
  'xla/tsl/c',
];

function isWantedOfTensorflow(name: string, libraries: string[]): boolean {
  return (
    libraries.some((library) => name === `tensorflow/${library}`) ||
    headerFolders.some((folder) => name.startsWith(`tensorflow/include/${folder}/`)) ||
    /^[^/]+\.dist-info\/(METADATA|.*LICENSE.*)$/.test(name) ||
    /^tensorflow\/(LICENSE|THIRD_PARTY_NOTICES\.txt)$/.test(name)
  );
}

/** Shared libraries, and the compiler's parts that XLA calls; no headers, static libraries or Python. */
function isWantedOfNvidia(name: string): boolean {
  return name.startsWith('nvidia/') && !/\/include\/|\.(a|py)$/.test(name);
}

async function checkDisk(needed: number, directory: string, world: World): Promise<void> {
  const free = await world.freeBytes(directory);
  if (free >= needed) return;
  const [wanted, found] = [needed, free].map((bytes) => (bytes / 1e9).toFixed(1));
  throw new SetupFailure(
    'disk',
    `${wanted} GB are needed in ${directory}, ${found} GB are free`,
    'make room, or name another directory in SHOWTELL_CACHE',
  );
}

/** Last of all: a folder without it is half built. */
function writeRecord(
  folder: string,
  { variant }: RuntimePlace,
  { platform, arch }: World,
  { version }: CheckedAddon,
  recorded: string[],
): void {
  const files: Record<string, number> = {};
  for (const file of recorded) files[file] = statSync(join(file.startsWith('/') ? '' : folder, file)).size;
  const record: RuntimeRecord = {
    format: 1,
    variant,
    tensorflow: version,
    platform,
    arch,
    recipe: addonRecipe(),
    files,
  };
  // A machine that loses power must not keep a record of files that never reached the disk.
  for (const file of recorded) if (!file.startsWith('/')) sync(join(folder, file));
  writeFileSync(join(folder, 'runtime.json'), `${JSON.stringify(record, null, 2)}\n`, { flush: true });
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesIn(path) : [path];
  });
}
