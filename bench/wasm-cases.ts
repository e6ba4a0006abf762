/** The demo's training on WebAssembly, with one thread and with as many as the machine has cores. */
import { availableParallelism } from 'node:os';
import type { Case } from './cases.js';
import { targetLengths } from './synthetic.js';
import type { WasmOptions } from './wasm.js';

/** Words of the demo's vocabulary, and captions of its batches. */
const [VOCABULARY, CAPTIONS] = [60, 48];

export function wasmCases(root: string): Case[] {
  const lengths = targetLengths().filter((_, i) => i % 2 === 0);
  return [...new Set([1, Math.min(8, availableParallelism())])].map((threads): Case => ({
    bench: 'wasm',
    label: `a training step of configs/demo-wasm.yaml, ${threads === 1 ? 'one thread' : `${threads} threads`}`,
    unit: 'ms',
    larger: false,
    options: {
      ...{ root, threads, vocabulary: VOCABULARY },
      ...{ lengths: lengths.slice(0, CAPTIONS), warmup: 3, repeats: 20 },
    } satisfies WasmOptions,
    peers: [],
  }));
}
