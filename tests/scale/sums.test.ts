/** Sums over processes joined by a real MPI library. Skipped where there is no mpirun. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { mpirun, reason } from './mpirun.js';

const room = fileURLToPath(new URL('../../dist/distributed/index.js', import.meta.url));

/** Of each process: several sums under way at a time, of lengths that no number of processes divides. */
const program = `
  import { createHash } from 'node:crypto';
  import { joinWorld } from ${JSON.stringify(room)};
  const world = await joinWorld(process.env);
  const lengths = [1, 7, 1001, 300007];
  const own = (rank, k) => Float32Array.from({ length: lengths[k] }, (_, i) => Math.sin(1 + i * (rank + 2) + k) * 10 ** (i % 5 - 3));
  const worst = {};
  const hash = createHash('sha256');
  for (const wire of ['float32', 'bfloat16']) {
    const buffers = lengths.map((_, k) => own(world.rank, k));
    const sums = buffers.map((values) => world.startSum(values, wire));
    // Processes come to the second halves of the sums in different orders.
    if (world.rank % 2) for (let n = 0; n < 50; n++) for (const sum of sums.toReversed()) sum.advance();
    const few = Float32Array.of(world.rank);
    world.sum(few);
    if (few[0] !== world.size * (world.size - 1) / 2) throw new Error('a sum got mixed up with others');
    for (const sum of sums) sum.finish();
    if (!sums.every((sum) => sum.advance())) throw new Error('a sum is done and not done');
    // In units of the bound: the magnitudes' sum, and the sum itself.
    worst[wire] = Math.max(...buffers.map((found, k) => {
      const all = Array.from({ length: world.size }, (_, rank) => own(rank, k));
      return found.reduce((most, value, i) => {
        const sum = all.reduce((total, values) => total + values[i], 0);
        const magnitudes = all.reduce((total, values) => total + Math.abs(values[i]), 0);
        return Math.max(most, Math.abs(value - sum) / (magnitudes + Math.abs(sum)));
      }, 0);
    }));
    for (const values of buffers) hash.update(values);
  }
  const collected = world.collect(new Uint8Array(world.rank * 3).fill(world.rank)).map((bytes) => [...bytes].join(''));
  const hashes = world.gather(hash.digest('hex'));
  world.end();
  if (world.rank === 0) console.log(JSON.stringify({ worst, hashes: new Set(hashes).size, collected }));
  process.exit(0);
`;

describe.skipIf(reason)('sums over processes', { timeout: 60_000 }, () => {
  it.each([2, 3, 4])('are right and the same in all of %i, under way together', (processes) => {
    const { stdout, stderr, status } = spawnSync(
      'mpirun',
      [...mpirun, '-n', String(processes), process.execPath, '--input-type=module', '-e', program],
      { encoding: 'utf8' },
    );
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    const { worst, hashes, collected } = JSON.parse(stdout) as {
      worst: Record<string, number>;
      hashes: number;
      collected: string[];
    };
    expect(hashes).toBe(1);
    expect(worst.float32).toBeLessThan(1e-6);
    expect(worst.bfloat16).toBeLessThanOrEqual(1.01 * 2 ** -8);
    expect(worst.bfloat16).toBeGreaterThan(2 ** -11); // it was rounded
    expect(collected).toEqual(Array.from({ length: processes }, (_, rank) => String(rank).repeat(rank * 3)));
  });
});
