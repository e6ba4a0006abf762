/** Loads TensorFlow's C library with tfjs-node's addon, from the best place that has it, and registers its kernels. */
import nodeUtil from 'node:util';
import { messageOf } from '../core/index.js';
import type { Rejection } from './backend.js';
import { addonOf, nativePlaces, type Place, type RuntimePlace } from './candidates.js';
import { loadKernels, reasonAgainstKernels } from './kernels.js';
import { require } from './paths.js';
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
  /** Whether set-up built it with CUDA's libraries. */
  forCuda: boolean;
  /** `loaded`, or why our own kernels are not. */
  kernels: string;
}

/**
 * Loads the first runtime that works as TensorFlow.js' backend `tensorflow`.
 * @param rejected gets an entry for each place before it that has none
 */
export function loadNative(environment: NodeJS.ProcessEnv, rejected: Rejection[]): NativeRuntime | undefined {
  for (const place of nativePlaces(environment)) {
    try {
      const forCuda = place.kind === 'runtime' && place.variant === 'cuda';
      const runtime = loadAddon(addonOf(place, environment));
      return { ...runtime, forCuda, kernels: kernelsFor(place, runtime, environment) };
    } catch (error) {
      rejected.push({ name: place.name, why: messageOf(error).split('\n')[0] });
    }
  }
  return undefined;
}

function kernelsFor(
  place: Place,
  { version, usesGpu }: Omit<NativeRuntime, 'forCuda' | 'kernels'>,
  environment: NodeJS.ProcessEnv,
): string {
  const against = reasonAgainstKernels(place.kind, usesGpu, environment);
  return against ?? loadKernels((place as RuntimePlace).directory, version) ?? 'loaded';
}

/** Loads an addon and registers it, with all its kernels, as the backend `tensorflow`. */
export function loadAddon(addon: string): Omit<NativeRuntime, 'forCuda' | 'kernels'> {
  const binding = require(addon) as Binding;
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
