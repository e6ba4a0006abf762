/** The places where a native runtime may be, without loading any: TensorFlow.js is not imported here. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hasNvidiaDriver } from './hardware.js';
import { npmAddon, npmPackage } from './paths.js';
import { addonName, checkRuntime, readChoice, runtimeDirectory } from './runtime.js';
import type { RuntimeVariant } from './runtime.js';
import { addonStamp, readMemory } from './setup/memory.js';

/** A runtime in the cache: one that set-up builds. */
export interface RuntimePlace {
  kind: 'runtime';
  /** For people. */
  name: string;
  variant: RuntimeVariant;
  /** The user's directory, of the variant `directory`. */
  libtensorflow?: string;
  /** Of the runtime. */
  directory: string;
}

/** An npm package whose own install script may have brought a runtime. */
export interface NpmPlace {
  kind: 'npm';
  name: string;
}

export type Place = RuntimePlace | NpmPlace;

/**
 * Best first: the directory that the user names, what npm installed, what set-up built. A variant that the user chose
 * goes before npm's.
 */
export function nativePlaces(environment: NodeJS.ProcessEnv): Place[] {
  const choice = readChoice(environment);
  const directory = environment.SHOWTELL_LIBTENSORFLOW || choice.libtensorflow;
  const npm = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'].map((name): Place => ({
    kind: 'npm',
    name,
  }));
  const automatic = hasNvidiaDriver() ? (['cuda', 'cpu'] as const) : (['cpu'] as const);
  return [
    ...(directory ? [runtimePlace(environment, 'directory', directory)] : []),
    ...(choice.variant
      ? [runtimePlace(environment, choice.variant), ...npm]
      : [...npm, ...automatic.map((variant) => runtimePlace(environment, variant))]),
  ];
}

export function runtimePlace(
  environment: NodeJS.ProcessEnv,
  variant: RuntimeVariant,
  libtensorflow?: string,
): RuntimePlace {
  const name =
    variant === 'directory'
      ? `TensorFlow in ${libtensorflow}`
      : `TensorFlow for ${variant === 'cuda' ? 'CUDA' : 'the CPU'} in the cache`;
  const directory = runtimeDirectory(environment, variant, libtensorflow);
  return { kind: 'runtime', name, variant, libtensorflow, directory };
}

/** The addon of a place, as far as files tell. Throws an Error that says why there is none. */
export function addonOf(place: Place, environment: NodeJS.ProcessEnv): string {
  return place.kind === 'npm' ? addonOfPackage(place.name, environment) : addonOfRuntime(place, environment);
}

function addonOfRuntime({ directory, variant, libtensorflow }: RuntimePlace, environment: NodeJS.ProcessEnv) {
  if (libtensorflow !== undefined && !existsSync(libtensorflow)) {
    throw new Error('there is no such directory');
  }
  if (!existsSync(directory)) {
    const failure = readMemory(environment).failures[directory];
    if (failure) throw new Error(`set-up failed: ${failure.message}; \`showtell setup\` tries again`);
  }
  checkRuntime(directory, variant);
  return join(directory, addonName);
}

function addonOfPackage(name: string, environment: NodeJS.ProcessEnv): string {
  const folder = npmPackage(name);
  if (!folder) throw new Error('it is not installed');
  const addon = npmAddon(folder);
  if (!addon) throw new Error('its install script brought no addon');
  // One that crashed when set-up tried it must not be loaded into this process.
  const verdict = readMemory(environment).addons[addon];
  if (verdict?.stamp === addonStamp(addon) && verdict.failure) throw new Error(verdict.failure);
  return addon;
}
