/** The WebAssembly backend, with the kernels that training needs and it lacks. */
import { require } from '../paths.js';
import { tf } from '../tf.js';
import { registerConvolutionGradients } from './convolution.js';
import { registerMatMul } from './matmul.js';
import { registerUnsortedSegmentSum } from './segment.js';

let loading: Promise<void> | undefined;

/** Loads it once. */
export function loadWasm(): Promise<void> {
  return (loading ??= load());
}

async function load(): Promise<void> {
  const before = listeners();
  require('@tensorflow/tfjs'); // registers the gradients
  require('@tensorflow/tfjs-backend-wasm');
  registerConvolutionGradients();
  registerMatMul();
  registerUnsortedSegmentSum();
  if (!(await tf.setBackend('wasm'))) throw new Error('the WebAssembly backend could not be initialised');
  // Emscripten listens for every error of the process and rethrows it, which would change exit codes and messages.
  for (const [event, own] of Object.entries(before)) {
    for (const listener of process.listeners(event as 'uncaughtException')) {
      if (!(own as unknown[]).includes(listener)) process.off(event, listener);
    }
  }
}

function listeners() {
  return {
    uncaughtException: process.listeners('uncaughtException'),
    unhandledRejection: process.listeners('unhandledRejection'),
  };
}
