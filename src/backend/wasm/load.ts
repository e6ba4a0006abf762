/** The WebAssembly backend, with the kernels that training needs and it lacks. */
import { messageOf } from '../../core/index.js';
import { require } from '../paths.js';
import { tf } from '../tf.js';
import { registerConvolutions } from './convolution.js';
import { registerMatMul } from './matmul.js';
import { registerMaxPoolGrad } from './pool.js';
import { registerUnsortedSegmentSum } from './segment.js';
import { registerSums } from './sum.js';
import { MOST_THREADS, registerThreads } from './threads.js';

export interface WasmThreads {
  /** Threads that compute. */
  threads: number;
  /** Why not as many as were asked for. */
  why?: string;
}

let loading: Promise<WasmThreads> | undefined;

/**
 * Loads it once; later calls get what the first one asked for.
 * @param threads that compute, at most {@link MOST_THREADS}
 */
export function loadWasm(threads = 1): Promise<WasmThreads> {
  return (loading ??= load(threads));
}

async function load(wanted: number): Promise<WasmThreads> {
  const before = listeners();
  require('@tensorflow/tfjs'); // registers the gradients
  require('@tensorflow/tfjs-backend-wasm');
  registerConvolutions();
  registerMatMul();
  registerMaxPoolGrad();
  registerUnsortedSegmentSum();
  registerSums();
  const started = await start(Math.min(wanted, MOST_THREADS));
  if (!(await tf.setBackend('wasm'))) throw new Error('the WebAssembly backend could not be initialised');
  // Emscripten listens for every error of the process and rethrows it, which would change exit codes and messages.
  for (const [event, own] of Object.entries(before)) {
    for (const listener of process.listeners(event as 'uncaughtException')) {
      if (!(own as unknown[]).includes(listener)) process.off(event, listener);
    }
  }
  return started;
}

async function start(threads: number): Promise<WasmThreads> {
  if (threads === 1) return { threads };
  try {
    await registerThreads(threads);
    return { threads };
  } catch (error) {
    const why = messageOf(error);
    process.emitWarning(`WebAssembly computes with one thread, because ${threads} cannot start: ${why}`);
    return { threads: 1, why };
  }
}

function listeners() {
  return {
    uncaughtException: process.listeners('uncaughtException'),
    unhandledRejection: process.listeners('unhandledRejection'),
  };
}
