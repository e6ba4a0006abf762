import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { prepareBackend } from '../backend.js';

/** The compiled room: threads start from `dist`, in processes of their own. */
const room = new URL('../../../dist/backend/', import.meta.url).href;

interface Outcome {
  threads: number;
  why?: string;
  values: number[];
  leftBehind: unknown;
}

/** Sums of large products and convolutions, forward and backward, and what start-up left in the process. */
const work = (threads: number, before = '') => `
  ${before}
  const { loadWasm } = await import('${room}wasm/load.js');
  const { tf } = await import('${room}index.js');
  const started = await loadWasm(${threads});
  const drawn = (shape) => tf.sin(tf.reshape(tf.range(0, shape.reduce((a, b) => a * b)), shape));
  const [a, b, x, f] = [[150, 170], [170, 130], [4, 20, 20, 12], [3, 3, 12, 16]].map(drawn);
  const results = [
    tf.matMul(a, b),
    ...tf.grads((p, q) => tf.matMul(p, q))([a, b]),
    tf.conv2d(x, f, 2, 'same'),
    ...tf.grads((p, q) => tf.maxPool(tf.conv2d(p, q, 1, 'same'), 2, 2, 'same'))([x, f]),
    tf.mean(x, [0, 1]),
  ];
  const values = results.flatMap((result) => [...result.dataSync()]);
  const leftBehind = [process.listenerCount('uncaughtException'), process.listenerCount('unhandledRejection'), typeof Worker];
  console.log(JSON.stringify({ ...started, values, leftBehind }));`;

/** Runs a module to its own end: nothing here stops it, but a minute's patience. */
function run(source: string, stderr: unknown = ''): Outcome {
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    ...{ encoding: 'utf8', timeout: 60_000, cwd: fileURLToPath(new URL('.', import.meta.url)) },
    maxBuffer: 2 ** 26,
  });
  expect({ status: child.status, stderr: child.stderr }).toEqual({ status: 0, stderr });
  return JSON.parse(child.stdout) as Outcome;
}

const inThread = (source: string) => `
  import { Worker as Thread } from 'node:worker_threads';
  new Thread(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(source)})));`;

describe('threads of WebAssembly', () => {
  const alone = run(work(1));

  it.each([
    ['in a process', 2, work(2)],
    ['in a thread', 2, inThread(work(2))],
    ['as many as there are', 8, work(8)],
    ['more than there are', 8, work(20)],
  ])('compute what one thread computes, and let the process end: %s', (_, threads, source) => {
    const several = run(source);
    expect(several).toMatchObject({ threads, leftBehind: [0, 0, 'undefined'] });
    expect(several.why).toBeUndefined();
    expect(several.values).toHaveLength(alone.values.length);
    const largest = Math.max(...alone.values.map(Math.abs));
    const differences = several.values.map((value, i) => Math.abs(value - alone.values[i]) / largest);
    // Threads share out the numbers of a result; how each is summed up hardly depends on them.
    expect(Math.max(...differences)).toBeLessThan(1e-6);
  });

  it('where they cannot start, one computes, and says why', () => {
    const withoutWorkers = `
      import threads from 'node:worker_threads';
      const { Worker: Own } = threads;
      threads.Worker = class extends Own { constructor() { super('throw new Error("no room")', { eval: true }); } };`;
    const fallen = run(
      work(2, withoutWorkers),
      expect.stringContaining('one thread, because 2 cannot start: no room'),
    );
    expect(fallen).toEqual({
      threads: 1,
      why: 'no room',
      values: alone.values,
      leftBehind: [0, 0, 'undefined'],
    });
  });

  it('their number is fixed', async () => {
    await prepareBackend({ backend: 'wasm' });
    await expect(prepareBackend({ backend: 'wasm', threads: 2 })).rejects.toThrow(
      'WebAssembly already runs in this process with one thread',
    );
    await expect(prepareBackend({ backend: 'wasm', threads: 1 })).resolves.toMatchObject({ threads: 1 });
  });
});
