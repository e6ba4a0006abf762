/** `showtell info`: what computes here, and why nothing better does. */
import { freemem, totalmem } from 'node:os';
import { prepareBackend } from '../backend/index.js';
import { cacheDirectory } from '../core/index.js';
import { defineCommand } from './types.js';

export const command = defineCommand({
  name: 'info',
  describe: 'Say what computes here, and why nothing better does',
  options: { json: { type: 'boolean', default: false, describe: 'print JSON' } },
  async handler({ json }, { print, environment }) {
    const information = await gather(environment);
    if (json) print(JSON.stringify(information, null, 2));
    else for (const line of describe(information)) print(line);
  },
});

type Information = Awaited<ReturnType<typeof gather>>;

async function gather(environment: NodeJS.ProcessEnv) {
  const backend = await prepareBackend({ environment });
  return {
    backend: backend.name,
    device: backend.device,
    deviceName: backend.deviceName,
    /** Of TensorFlow, or of TensorFlow.js' WebAssembly backend. */
    version: backend.version,
    precision: backend.precision,
    threads: backend.threads,
    cpuFeatures: backend.cpuFeatures,
    /** `loaded`, or why our own kernels are not. */
    kernels: backend.kernels,
    memory: { processBytes: process.memoryUsage.rss(), freeBytes: freemem(), totalBytes: totalmem() },
    loadedFrom: backend.loadedFrom,
    cacheDirectory: cacheDirectory(environment, process.platform),
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    /** Better choices that were not taken, best first. */
    rejected: backend.rejected,
  };
}

function describe(information: Information): string[] {
  const { memory, rejected } = information;
  const library = information.backend === 'native' ? 'TensorFlow' : 'tfjs-backend-wasm';
  const rows: [string, string | number][] = [
    ['backend', `${information.backend} (${library} ${information.version})`],
    ['device', `${information.device}: ${information.deviceName}`],
    ['precision', information.precision],
    ['threads', information.threads],
    ['own kernels', information.kernels],
    ['CPU features', information.cpuFeatures.join(' ') || 'unknown'],
    [
      'memory',
      `${gigabytes(memory.processBytes)} used by this process, ${gigabytes(memory.freeBytes)} of ${gigabytes(memory.totalBytes)} free`,
    ],
    ['loaded from', information.loadedFrom],
    ['cache', information.cacheDirectory],
    ['Node', `${information.node} on ${information.platform}`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    ...rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`),
    ...(rejected.length > 0 ? ['not used:', ...rejected.map(({ name, why }) => `  ${name}: ${why}`)] : []),
  ];
}

function gigabytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
