import { createRequire } from 'node:module';
import { tf } from './tf.js';
export interface BackendInfo {
  name: 'native' | 'wasm';
  device: 'CPU' | 'GPU';
  version: string;
  rejected: { name: string; why: string }[];
}
const require = createRequire(import.meta.url);
let info: BackendInfo | undefined;
export async function prepareBackend(
  _options: {
    backend?: 'auto' | 'native' | 'wasm';
    precision?: 'float32' | 'bfloat16';
    threads?: number | null;
  } = {},
): Promise<BackendInfo> {
  if (info) return info;
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  if (_options.precision === 'bfloat16') process.env.ONEDNN_DEFAULT_FPMATH_MODE = 'BF16';
  if (_options.backend === 'wasm') {
    require('@tensorflow/tfjs');
    require('@tensorflow/tfjs-backend-wasm');
    await tf.setBackend('wasm');
    await tf.ready();
    return (info = { name: 'wasm', device: 'CPU', version: '4.22.0', rejected: [] });
  }
  const bindings = require('/root/.cache/showtell-hand/tfjs_binding.node');
  require('@tensorflow/tfjs-node-gpu/dist/register_all_kernels');
  const { NodeJSKernelBackend } = require('@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend');
  tf.registerBackend('tensorflow', () => new NodeJSKernelBackend(bindings, 'showtell'), 3);
  await tf.setBackend('tensorflow');
  return (info = { name: 'native', device: 'CPU', version: bindings.TF_Version, rejected: [] });
}

/** What computes. Throws before `prepareBackend`. */
export function currentBackend(): BackendInfo {
  if (!info) throw new Error('prepareBackend() has not run');
  return info;
}

/** Whether TensorFlow's C library computes, so that `nativeOp` works. */
export function isNative(): boolean {
  return currentBackend().name === 'native';
}
