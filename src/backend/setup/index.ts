/**
 * Sets native TensorFlow up: by itself before `npm run demo` and `npm test`, and by hand with `showtell setup`. Where
 * nothing is to do, no process is started and TensorFlow.js is not loaded.
 */
import { existsSync } from 'node:fs';
import { messageOf, UserError, type Log } from '../../core/index.js';
import { addonOf, nativePlaces, type NpmPlace, type Place, type RuntimePlace } from '../candidates.js';
import { npmAddon, npmPackage } from '../paths.js';
import { checkRuntime } from '../runtime.js';
import { checkAddon, type CheckedAddon } from './check.js';
import { applyChoice, type SetupRequest } from './choice.js';
import { circumstances, stillHopeless } from './circumstances.js';
import { asFailure, SetupFailure } from './failure.js';
import { addonStamp, changeMemory, readMemory } from './memory.js';
import { requireGpu } from './tools.js';
import { realWorld, type World } from './world.js';

export type { SetupRequest } from './choice.js';
export { downloadWheel } from './download.js';
export { buildKernels } from './kernels.js';
export { asFailure, SetupFailure } from './failure.js';
export { findPip } from './tools.js';
export { unpackWheel } from './unpack.js';
export { realWorld, type World } from './world.js';

export interface SetupSurroundings {
  log: Log;
  environment: NodeJS.ProcessEnv;
  /** Tests replace it. */
  world?: World;
}

interface Run {
  world: World;
  log: Log;
  /** Build anew what seems to be there. */
  force: boolean;
  /** The user named the one thing to build, so that no doubt about its use keeps it from being built. */
  explicit: boolean;
}

/**
 * Makes native TensorFlow ready where it can be, and does nothing where it is. What keeps it from that is reported in
 * one line, and not tried again before something has changed.
 */
export async function automaticSetup(surroundings: SetupSurroundings): Promise<void> {
  const { log, environment, world = realWorld(environment) } = surroundings;
  if (environment.SHOWTELL_BACKEND === 'wasm') return;
  const run: Run = { world, log, force: false, explicit: false };
  const failures: { message: string; hint?: string }[] = [];
  let ready = false;
  for (const place of nativePlaces(environment)) {
    if (place.kind === 'npm') ready = await packageWorks(place, world);
    else {
      const failure = isReady(place, environment) ? undefined : await automaticBuild(place, run);
      if (failure) failures.push(failure);
      ready = !failure;
    }
    if (ready) break;
  }
  if (failures.length === 0) return;
  const instead = ready ? 'the next best is used' : 'WebAssembly computes instead';
  log.warn(
    `native TensorFlow is not set up: ${reasons(failures)}. ${sentence(instead)}; \`showtell setup\` tries again`,
  );
}

/**
 * Does what the user asked for, and remembers a choice. Throws a UserError when no native runtime computes.
 * @returns the place that will be used, with what its addon says of itself
 */
export async function setup(
  request: SetupRequest,
  surroundings: SetupSurroundings,
): Promise<CheckedAddon & { place: Place; addon: string }> {
  const { log, environment, world = realWorld(environment) } = surroundings;
  const { places, explicit, remember } = applyChoice(request, environment);
  const run: Run = { world, log, force: request.force ?? false, explicit };
  const failures: SetupFailure[] = [];
  for (const place of places) {
    try {
      const checked =
        place.kind === 'runtime' ? await checkOrBuild(place, run) : await checkPackage(place, world);
      remember();
      if (failures.length > 0) log.warn(reasons(failures));
      return { ...checked, place, addon: addonOf(place, environment) };
    } catch (error) {
      // A directory that the user named has no substitute.
      if (error instanceof UserError) throw error;
      const failure = asFailure(error);
      if (place.kind === 'runtime') failures.push(failure);
    }
  }
  throw new UserError(
    `native TensorFlow cannot be set up: ${reasons(failures.map(({ message }) => ({ message })))}`,
    {
      hint: failures.find(({ hint }) => hint)?.hint,
      cause: failures[0],
    },
  );
}

/** As far as files tell; loading is left to the process that computes. */
function isReady(place: RuntimePlace, environment: NodeJS.ProcessEnv): boolean {
  try {
    addonOf(place, environment);
    return true;
  } catch {
    return false;
  }
}

/** Builds a runtime, unless that failed before and nothing has changed. Returns what keeps it from being built. */
async function automaticBuild(
  place: RuntimePlace,
  run: Run,
): Promise<{ message: string; hint?: string } | undefined> {
  const remembered = readMemory(run.world.environment).failures[place.directory];
  if (remembered && stillHopeless(remembered, run.world)) return remembered;
  try {
    await build(place, run);
    return undefined;
  } catch (error) {
    return asFailure(error);
  }
}

async function checkOrBuild(place: RuntimePlace, run: Run): Promise<CheckedAddon> {
  if (run.force || !existsSync(place.directory)) return build(place, run);
  try {
    checkRuntime(place.directory, place.variant);
    return await checkAddon(run.world, addonOf(place, run.world.environment));
  } catch (error) {
    run.log.info(`rebuilding ${place.name}: ${messageOf(error).split(';')[0]}`);
  }
  return build(place, { ...run, force: true });
}

/** Builds a runtime, and remembers how that went. */
async function build(place: RuntimePlace, { world, log, force, explicit }: Run): Promise<CheckedAddon> {
  const { environment } = world;
  try {
    if (place.variant === 'cuda' && !explicit) await requireGpu(world);
    // Loaded here, so that runs with nothing to build do not load the unpacker.
    const { buildRuntime } = await import('./build.js');
    const checked = await buildRuntime(place, world, log, { force });
    changeMemory(environment, ({ failures }) => delete failures[place.directory]);
    if (place.variant === 'cuda' && !checked.usesGpu) {
      log.warn('TensorFlow for CUDA finds no GPU that it can use and computes on the CPU; see `nvidia-smi`');
    }
    return checked;
  } catch (error) {
    // What is wrong with a directory of the user's is seen anew each time, at no cost.
    if (!(error instanceof UserError)) {
      const { message, hint } = asFailure(error);
      const entry = { message, hint, time: world.now(), circumstances: circumstances(world) };
      changeMemory(environment, ({ failures }) => (failures[place.directory] = entry));
    }
    throw error;
  }
}

/** Whether what npm installed computes; a child process finds that out once. */
async function packageWorks(place: NpmPlace, world: World): Promise<boolean> {
  const addon = installedAddon(place);
  if (!addon) return false;
  const verdict = readMemory(world.environment).addons[addon];
  if (verdict?.stamp === addonStamp(addon)) return verdict.failure === undefined;
  try {
    await checkPackage(place, world);
    return true;
  } catch (error) {
    asFailure(error);
    return false;
  }
}

async function checkPackage(place: NpmPlace, world: World): Promise<CheckedAddon> {
  const addon = installedAddon(place);
  if (!addon) throw new SetupFailure('missing', `npm installed no addon of ${place.name}`);
  const remember = (failure?: string) =>
    changeMemory(world.environment, ({ addons }) => (addons[addon] = { stamp: addonStamp(addon), failure }));
  try {
    const checked = await checkAddon(world, addon);
    remember();
    return checked;
  } catch (error) {
    remember(asFailure(error).message);
    throw error;
  }
}

function installedAddon({ name }: NpmPlace): string | undefined {
  const folder = npmPackage(name);
  return folder && npmAddon(folder);
}

/** Each reason once, with how to mend it. */
function reasons(failures: { message: string; hint?: string }[]): string {
  return [...new Set(failures.map(({ message, hint }) => (hint ? `${message}: ${hint}` : message)))].join(
    '; ',
  );
}

function sentence(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}
