/** The child process of one case: `worker.js MEASURE OPTIONS-AS-JSON`; its measurement goes to the parent by IPC. */
import type { Measurement } from './measure.js';

/** Loaded one at a time: a process holds only what it measures. */
const measures: Record<string, () => Promise<(options: never) => Promise<Measurement>>> = {
  training: async () => (await import('./training.js')).measureTraining,
  operations: async () => (await import('./operations.js')).measureOperations,
  growth: async () => (await import('./training.js')).measureTraining,
  epoch: async () => (await import('./epoch.js')).measureEpoch,
  finetuning: async () => (await import('./finetuning.js')).measureFinetuning,
  encoding: async () => (await import('./encoding.js')).measureEncoding,
  captions: async () => (await import('./captions.js')).measureCaptions,
  startup: async () => (await import('./startup.js')).measureStartup,
  metrics: async () => (await import('./metrics.js')).measureMetrics,
  serving: async () => (await import('./serving.js')).measureServing,
  shards: async () => (await import('./shards.js')).measureShards,
  'cost-model': async () => (await import('./steps.js')).measureSteps,
  allreduce: async () => (await import('./allreduce.js')).measureAllreduce,
  corpus: async () => (await import('./corpus.js')).measureCorpus,
  wasm: async () => (await import('./wasm.js')).measureWasm,
  memory: async () => (await import('./memory.js')).measureMemory,
};

const [name, options] = process.argv.slice(2);
const measure = await measures[name]();
const measurement = await measure(JSON.parse(options) as never);
process.send!(measurement, () => process.exit(0));
