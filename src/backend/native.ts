/** Finds TensorFlow's C library with tfjs-node's addon, loads it and registers its kernels. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import nodeUtil from 'node:util';
import { messageOf } from '../core/index.js';
import type { Rejection } from './backend.js';
import { hasNvidiaDriver } from './hardware.js';
import { npmAddon, npmPackage, require } from './paths.js';
import { addonName, checkRuntime, readChoice, runtimeDirectory } from './runtime.js';
import { tf } from './tf.js';

interface Binding {
  readonly TF_Version: string;
  isUsingGpuDevice(): boolean;
}

export interface NativeRuntime {
  /** The addon's file. */
  addon: string;
  /** TensorFlow's version. */
  version: string;
  usesGpu: boolean;
}

interface Candidate {
  name: string;
  /** The addon to load; throws an Error that says why there is none. */
  addon(): string;
}

/** The places to look, best first. */
export function nativeCandidates(environment: NodeJS.ProcessEnv): Candidate[] {
  const choice = readChoice(environment);
  const directory = environment.SHOWTELL_LIBTENSORFLOW || choice.libtensorflow;
  const variants = choice.variant
    ? [choice.variant]
    : hasNvidiaDriver()
      ? (['cuda', 'cpu'] as const)
      : ['cpu' as const];
  return [
    ...(directory ? [directoryCandidate(environment, directory)] : []),
    ...['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'].map(npmCandidate),
    ...variants.map((variant) => cacheCandidate(environment, variant)),
  ];
}

function directoryCandidate(environment: NodeJS.ProcessEnv, libtensorflow: string): Candidate {
  return {
    name: `TensorFlow in ${libtensorflow}`,
    addon() {
      if (!existsSync(libtensorflow)) throw new Error('there is no such directory');
      const runtime = runtimeDirectory(environment, 'directory', libtensorflow);
      checkRuntime(runtime, 'directory');
      return join(runtime, addonName);
    },
  };
}

function npmCandidate(name: string): Candidate {
  return {
    name,
    addon() {
      const folder = npmPackage(name);
      if (!folder) throw new Error('it is not installed');
      const addon = npmAddon(folder);
      if (!addon) throw new Error('its install script brought no addon');
      return addon;
    },
  };
}

function cacheCandidate(environment: NodeJS.ProcessEnv, variant: 'cpu' | 'cuda'): Candidate {
  return {
    name: `TensorFlow for ${variant === 'cuda' ? 'CUDA' : 'the CPU'} in the cache`,
    addon() {
      const runtime = runtimeDirectory(environment, variant);
      checkRuntime(runtime, variant);
      return join(runtime, addonName);
    },
  };
}

/**
 * Loads the first candidate that works as TensorFlow.js' backend `tensorflow`.
 * @param rejected gets an entry for each candidate before it that did not
 */
export function loadNative(environment: NodeJS.ProcessEnv, rejected: Rejection[]): NativeRuntime | undefined {
  for (const candidate of nativeCandidates(environment)) {
    try {
      const addon = candidate.addon();
      return register(require(addon) as Binding, addon);
    } catch (error) {
      rejected.push({ name: candidate.name, why: messageOf(error).split('\n')[0] });
    }
  }
  return undefined;
}

function register(binding: Binding, addon: string): NativeRuntime {
  restoreUtil();
  require('@tensorflow/tfjs-node-gpu/dist/register_all_kernels');
  const { NodeJSKernelBackend } = require('@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend') as {
    NodeJSKernelBackend: new (binding: Binding, packageName: string) => tf.KernelBackend;
  };
  const usesGpu = binding.isUsingGpuDevice();
  // The package name only tells kernels whether 3-D convolutions may be dilated, as on GPUs.
  const backend = new NodeJSKernelBackend(
    binding,
    usesGpu ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node',
  );
  tf.registerBackend('tensorflow', () => backend, 3);
  return { addon, version: binding.TF_Version, usesGpu };
}

/** tfjs-node 4.22 calls two functions that Node 23 removed. */
function restoreUtil(): void {
  const util = nodeUtil as unknown as Record<string, unknown>;
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}
