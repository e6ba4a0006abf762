/** Picks and prepares what computes: native TensorFlow, or WebAssembly. */
import { availableParallelism } from 'node:os';
import { UserError } from '../core/index.js';
import { cpuFeatures, cpuName, gpuName, hasNvidiaDriver } from './hardware.js';
import { loadNative } from './native.js';
import { npmPackage, require } from './paths.js';
import { tf } from './tf.js';
import { loadWasm } from './wasm/load.js';

export type BackendName = 'native' | 'wasm';
export type Precision = 'float32' | 'bfloat16';

/** Something better that was not taken. */
export interface Rejection {
  name: string;
  why: string;
}

export interface BackendInfo {
  name: BackendName;
  device: 'CPU' | 'GPU';
  /** The model of the CPU or GPU. */
  deviceName: string;
  /** Of TensorFlow, or of TensorFlow.js' WebAssembly backend. */
  version: string;
  precision: Precision;
  /** CPU threads of one operation. */
  threads: number;
  cpuFeatures: string[];
  /** `loaded`, or why our own kernels (native/) do not compute. */
  kernels: string;
  /** The addon, or the WebAssembly package. */
  loadedFrom: string;
  /** Why each better choice was not taken, best first. */
  rejected: Rejection[];
}

export interface BackendOptions {
  /** `auto` (default) is SHOWTELL_BACKEND where that is set, else the best that loads. */
  backend?: 'auto' | BackendName;
  /**
   * `bfloat16` rounds the factors of the decoder's matrix products, and on CPUs with AMX of the convolutions that TensorFlow
   * computes; native only.
   */
  precision?: Precision;
  /**
   * CPU threads. Null or absent takes all cores, but one on WebAssembly: its threads wait for each other in loops,
   * which costs more than it gains where other processes compute as well. WebAssembly takes 8 at most.
   */
  threads?: number | null;
  environment?: NodeJS.ProcessEnv;
}

const prepared = new Map<BackendName, BackendInfo>();
let current: BackendInfo | undefined;
/** That were asked for; where they could not start, one computes. */
let wasmThreads = 1;

/**
 * Makes a backend the one that computes. Both may be prepared in one process, one after the other; `auto` keeps
 * what already computes. Precision and threads are fixed when a backend loads.
 */
export async function prepareBackend(options: BackendOptions = {}): Promise<BackendInfo> {
  const environment = options.environment ?? process.env;
  const wanted =
    options.backend && options.backend !== 'auto' ? options.backend : fromEnvironment(environment);
  if (wanted === 'auto' && current) return checkFixed(current, options);
  const known = wanted === 'auto' ? undefined : prepared.get(wanted);
  if (known) {
    checkFixed(known, options);
    await activate(known);
    return known;
  }

  const rejected: Rejection[] = [];
  if (wanted === 'wasm') rejected.push({ name: 'native TensorFlow', why: 'WebAssembly was asked for' });
  else {
    const native = prepareNative(options, environment, rejected);
    if (native) {
      await activate(native);
      return native;
    }
    if (wanted === 'native') throw noNative(rejected);
  }
  const wasm = await prepareWasm(options, rejected);
  await activate(wasm);
  return wasm;
}

/** What computes. Throws before `prepareBackend`. */
export function currentBackend(): BackendInfo {
  if (!current) throw new Error('prepareBackend() has not run');
  return current;
}

/** Whether TensorFlow's C library computes, so that `nativeOp` works. */
export function isNative(): boolean {
  return currentBackend().name === 'native';
}

function fromEnvironment(environment: NodeJS.ProcessEnv): 'auto' | BackendName {
  const value = environment.SHOWTELL_BACKEND || 'auto';
  if (value === 'auto' || value === 'native' || value === 'wasm') return value;
  throw new UserError(`SHOWTELL_BACKEND is "${value}"`, { hint: 'accepted: auto, native, wasm' });
}

async function activate(info: BackendInfo): Promise<void> {
  const name = info.name === 'native' ? 'tensorflow' : 'wasm';
  if (tf.getBackend() !== name && !(await tf.setBackend(name))) {
    throw new Error(`TensorFlow.js could not initialise its backend "${name}"`);
  }
  prepared.set(info.name, info);
  current = info;
}

function prepareNative(
  options: BackendOptions,
  environment: NodeJS.ProcessEnv,
  rejected: Rejection[],
): BackendInfo | undefined {
  const { precision = 'float32', threads } = options;
  // TensorFlow and oneDNN read these from the process when they load.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  // TensorFlow uses oneDNN by itself only on CPUs with AVX-512 VNNI; its products and convolutions win on AVX2 as well.
  if (process.arch === 'x64') process.env.TF_ENABLE_ONEDNN_OPTS ??= '1';
  if (hasNvidiaDriver()) {
    // Matrix products and convolutions of float32 as such, not as TF32 (10 bits of precision).
    process.env.NVIDIA_TF32_OVERRIDE ??= '0';
    // The same numbers in every run: sums in a fixed order, no algorithms chosen by a stopwatch.
    process.env.TF_DETERMINISTIC_OPS ??= '1';
    // Memory as it is needed, or one process would take nearly all of the GPU's.
    process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  }
  if (precision === 'bfloat16') process.env.ONEDNN_DEFAULT_FPMATH_MODE = 'BF16';
  if (threads) process.env.TF_NUM_INTRAOP_THREADS = process.env.OMP_NUM_THREADS = String(threads);
  const runtime = loadNative(environment, rejected);
  if (!runtime) return undefined;
  return {
    name: 'native',
    device: runtime.usesGpu ? 'GPU' : 'CPU',
    deviceName: runtime.usesGpu ? gpuName() : cpuName(),
    version: runtime.version,
    precision,
    threads: Number(process.env.TF_NUM_INTRAOP_THREADS) || availableParallelism(),
    cpuFeatures: cpuFeatures(),
    kernels: runtime.kernels,
    loadedFrom: runtime.addon,
    rejected: runtime.usesGpu ? rejected : [...rejected, { name: 'a GPU', why: whyNoGpu(runtime.forCuda) }],
  };
}

function whyNoGpu(forCuda: boolean): string {
  if (!hasNvidiaDriver()) return 'no NVIDIA driver is loaded';
  return forCuda
    ? 'TensorFlow for CUDA finds none that it can use; `nvidia-smi` shows the driver and what it sees'
    : 'this runtime is for the CPU; `showtell setup --cuda` installs one for the NVIDIA GPU';
}

async function prepareWasm(
  { threads: wanted, precision }: BackendOptions,
  rejected: Rejection[],
): Promise<BackendInfo> {
  if (precision === 'bfloat16') rejected.push({ name: precision, why: 'WebAssembly computes in float32' });
  wasmThreads = wanted ?? 1;
  const { threads, why } = await loadWasm(wasmThreads);
  if (why) rejected.push({ name: 'several threads', why });
  const name = '@tensorflow/tfjs-backend-wasm';
  return {
    name: 'wasm',
    device: 'CPU',
    deviceName: cpuName(),
    version: (require(`${name}/package.json`) as { version: string }).version,
    precision: 'float32',
    threads,
    cpuFeatures: cpuFeatures(),
    kernels: 'WebAssembly has its own',
    loadedFrom: npmPackage(name) ?? name,
    rejected,
  };
}

function checkFixed(info: BackendInfo, { precision, threads }: BackendOptions): BackendInfo {
  const wasm = info.name === 'wasm';
  const differs =
    !wasm && precision && precision !== info.precision
      ? `precision ${info.precision}`
      : threads && (wasm ? wasmThreads : info.threads) !== threads
        ? info.threads === 1
          ? 'one thread'
          : `${info.threads} threads`
        : undefined;
  if (differs) {
    throw new UserError(
      `${wasm ? 'WebAssembly' : 'native TensorFlow'} already runs in this process with ${differs}`,
      {
        hint: 'start another process for other device settings',
      },
    );
  }
  return info;
}

function noNative(rejected: Rejection[]): UserError {
  const reasons = rejected.map(({ name, why }) => `\n  ${name}: ${why}`).join('');
  return new UserError(`native TensorFlow cannot be loaded:${reasons}`, {
    hint: 'run `showtell setup`, or choose the backend auto or wasm',
  });
}
