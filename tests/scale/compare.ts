/** What trainings by one process and by several have in common: their journals and weights. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { prepareBackend } from '../../src/backend/index.js';
import { readCheckpointWeights } from '../../src/checkpoint/index.js';
import { createEncoder, writeSafetensors } from '../../src/models/index.js';
import type { JournalEntry } from '../../src/train/index.js';

/** Writes weights of an encoder `small_cnn`, for all processes to start from. */
export async function writeEncoder(path: string): Promise<void> {
  await prepareBackend({ threads: 1 });
  const encoder = createEncoder({ name: 'small_cnn', state: null, train: 'none', seed: 7 });
  writeFileSync(path, writeSafetensors(encoder.stateDict({ classifier: true }), { dtype: 'F32' }));
  encoder.dispose();
}

export function entriesOf(output: string): JournalEntry[] {
  const lines = readFileSync(join(output, 'metrics.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as JournalEntry);
}

/** Expects 20 steps and more, with the losses, rewards, scores and weights of `whole` to 1e-5: sums in another order. */
export async function expectSameTraining(output: string, whole: string): Promise<void> {
  const [expected, found] = [entriesOf(whole), entriesOf(output)];
  expect(found).toHaveLength(expected.length);
  expect(expected.filter(({ event }) => event === 'step').length).toBeGreaterThanOrEqual(20);
  expected.forEach((entry, i) => {
    const other = found[i];
    if (entry.event === 'epoch') {
      expect(other).toMatchObject({
        validation: entry.validation,
        samples: entry.samples,
        best: entry.best,
      });
      return;
    }
    if (other.event !== 'step') throw new Error(`entry ${i} is one of an epoch`);
    expect(Math.abs(other.loss - entry.loss)).toBeLessThan(1e-5);
    expect(Math.abs((other.reward ?? 0) - (entry.reward ?? 0))).toBeLessThan(1e-5);
  });
  const [a, b] = await Promise.all(
    [whole, output].map(async (path) => (await readCheckpointWeights(join(path, 'last'))).state),
  );
  for (const [key, { data }] of a) {
    const own = b.get(key)!.data;
    expect(own.every((value, i) => Math.abs(value - data[i]) < 1e-5)).toBe(true);
  }
}

export async function until(holds: () => boolean, seconds = 100): Promise<void> {
  for (const end = Date.now() + 1000 * seconds; !holds();) {
    if (Date.now() > end) throw new Error(`not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
