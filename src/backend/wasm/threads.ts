/**
 * The WebAssembly backend with several threads, which its package builds for browsers only: there its start-up gives
 * Emscripten a Blob for each worker, which Node's workers do not run, and half of the cores. Here Emscripten's module is
 * started by its own options - where its files lie, how it is instantiated - and handed to the package's backend.
 */
import { readFile } from 'node:fs/promises';
import type { Worker } from 'node:worker_threads';
import type { KernelBackend } from '@tensorflow/tfjs-core';
import { require } from '../paths.js';
import { tf } from '../tf.js';
import type { WasmImports } from './types.js';

/** Emscripten starts as many workers, whatever is asked for. */
export const MOST_THREADS = 8;

/** Milliseconds for all workers to load. */
const PATIENCE = 20_000;

const PACKAGE = '@tensorflow/tfjs-backend-wasm';
const SCRIPT = `${PACKAGE}/wasm-out/tfjs-backend-wasm-threaded-simd`;

/** What is used of Emscripten's module. */
interface WasmModule {
  PThread: { unusedWorkers: EmscriptenWorker[]; runningWorkers: EmscriptenWorker[] };
  cwrap(name: string, result: 'number' | null, parameters: 'number'[]): unknown;
  /** The functions that the package's backend expects beside those of the kernels. */
  tfjs?: Record<string, unknown>;
}

type EmscriptenWorker = Worker & { onerror: (error: Error) => void };

/** Emscripten's own options, which become its module. */
interface ModuleOptions extends Partial<WasmModule> {
  locateFile(path: string, prefix: string): string | URL;
  /** What each worker loads. */
  mainScriptUrlOrBlob: string;
  instantiateWasm(imports: WasmImports, done: (instance: object, module: object) => void): object;
}

interface WasmPackage {
  BackendWasm: new (module: WasmModule) => KernelBackend;
  setThreadsCount(threads: number): void;
  getThreadsCount(): number;
}

/**
 * Registers the backend `wasm` anew, with threads; the package must be loaded and its backend not yet started. Where it
 * fails, the package's own stays.
 * @param threads from 2 to {@link MOST_THREADS}
 */
export async function registerThreads(threads: number): Promise<void> {
  const { BackendWasm, setThreadsCount, getThreadsCount } = require(PACKAGE) as WasmPackage;
  const module = await startModule(threads);
  module.tfjs = {
    init: module.cwrap('init', null, []),
    initWithThreadsCount: module.cwrap('init_with_threads_count', null, ['number']),
    getThreadsCount: module.cwrap('get_threads_count', 'number', []),
    registerTensor: module.cwrap('register_tensor', null, ['number', 'number', 'number']),
    disposeData: module.cwrap('dispose_data', null, ['number']),
    dispose: module.cwrap('dispose', null, []),
  };
  setThreadsCount(threads);
  const backend = new BackendWasm(module);
  // Running ones would keep the process alive.
  for (const worker of module.PThread.runningWorkers) worker.unref();
  const started = getThreadsCount();
  if (started !== threads) throw new Error(`${started} of ${threads} threads started`);
  tf.removeBackend('wasm');
  tf.registerBackend('wasm', () => backend);
}

/** The module once all its workers have loaded; one that fails, or does not answer, ends them all. */
async function startModule(threads: number): Promise<WasmModule> {
  const script = require.resolve(`${SCRIPT}.js`);
  const binary = await readFile(script.replace(/js$/, 'wasm'));
  let fail!: (error: Error) => void;
  const failure = new Promise<never>((_, reject) => (fail = reject));
  const workerUrl = workerScript(script);
  const options: ModuleOptions = {
    locateFile: (path, prefix) => (path.endsWith('.worker.js') ? workerUrl : prefix + path),
    mainScriptUrlOrBlob: script,
    instantiateWasm(imports, done) {
      // The backend takes at most half of what it believes to be the machine's cores.
      imports.env.emscripten_num_logical_cores = () => 2 * threads;
      WebAssembly.instantiate(binary, imports).then(({ instance, module }) => {
        done(instance, module);
        // Emscripten's own, which it has just set, throws where nobody can catch it.
        for (const worker of workers) worker.onerror = () => undefined;
      }, fail);
      return {};
    },
  };
  const globalWorker = Object.getOwnPropertyDescriptor(globalThis, 'Worker');
  const factory = require(`${SCRIPT}.js`) as (options: ModuleOptions) => Promise<WasmModule>;
  const starting = factory(options);
  if (globalWorker) Object.defineProperty(globalThis, 'Worker', globalWorker);
  else Reflect.deleteProperty(globalThis, 'Worker'); // which Emscripten has set
  const workers = [...(options.PThread?.unusedWorkers ?? [])];
  const ended = (code: number) => fail(new Error(`a worker ended with code ${code}`));
  for (const worker of workers) worker.on('error', fail).on('exit', ended);
  const late = () => fail(new Error(`the workers did not answer in ${PATIENCE / 1000} s`));
  const timer = setTimeout(late, PATIENCE);
  try {
    const module = await Promise.race([starting, failure]);
    for (const worker of workers) {
      worker.off('error', fail);
      // From here on an error of a worker is nobody's to catch, and ends the process as any other.
      worker.onerror = (error) => {
        throw error;
      };
    }
    return module;
  } catch (error) {
    await Promise.all(workers.map((worker) => worker.off('exit', ended).terminate()));
    throw error;
  } finally {
    for (const worker of workers) worker.off('exit', ended);
    clearTimeout(timer);
  }
}

/** The package's script for workers, which it keeps as a string for a Blob, as a module that Node's workers run. */
function workerScript(script: string): URL {
  const { wasmWorkerContents } = require(`${SCRIPT}.worker.js`) as { wasmWorkerContents: string };
  const source = [
    "import { createRequire } from 'node:module';",
    `const __filename = ${JSON.stringify(script)};`,
    'const require = createRequire(__filename);',
    // A line break within a string literal of the script.
    wasmWorkerContents.replaceAll('\n', '\\n'),
  ];
  return new URL(`data:text/javascript,${encodeURIComponent(source.join('\n'))}`);
}
