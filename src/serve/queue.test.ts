import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BatchQueue } from './queue.js';

const never = new AbortController().signal;

/** A queue whose batches end when the test says so. */
function queueOf(size: number, window = 5) {
  const batches: { payloads: number[]; end(): void; fail(error: Error): void }[] = [];
  const queue = new BatchQueue<number, number>({
    size,
    window,
    run: (payloads) =>
      new Promise((resolve, reject) => {
        batches.push({ payloads, end: () => resolve(payloads.map((n) => 10 * n)), fail: reject });
      }),
  });
  return { queue, batches };
}

describe('a batch queue', () => {
  it('sends a full batch at once, and each job gets its own result', async () => {
    const { queue, batches } = queueOf(3, 60_000);
    const results = [1, 2, 3].map((n) => queue.submit('g', n, never));
    expect(batches.map(({ payloads }) => payloads)).toEqual([[1, 2, 3]]);
    batches[0].end();
    expect(await Promise.all(results)).toEqual([10, 20, 30]);
  });

  it('sends a part of a batch when its first job has waited for the window', async () => {
    const { queue, batches } = queueOf(3, 30);
    void queue.submit('g', 1, never);
    await setTimeout(5);
    void queue.submit('g', 2, never);
    expect(batches).toEqual([]);
    await setTimeout(60);
    expect(batches.map(({ payloads }) => payloads)).toEqual([[1, 2]]);
  });

  it('collects behind a running batch, keeps one full batch ready and no part of one', async () => {
    const { queue, batches } = queueOf(2);
    for (const n of [1, 2, 3, 4, 5]) void queue.submit('g', n, never);
    await setTimeout(20);
    expect(batches.map(({ payloads }) => payloads)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(queue.waiting).toBe(1);
    batches[0].end();
    await setTimeout(20);
    expect(batches).toHaveLength(2);
    batches[1].end();
    await setTimeout(20);
    expect(batches[2].payloads).toEqual([5]);
  });

  it('never mixes groups, and takes the oldest first', async () => {
    const { queue, batches } = queueOf(4);
    void queue.submit('a', 1, never);
    void queue.submit('b', 2, never);
    void queue.submit('a', 3, never);
    await setTimeout(30);
    expect(batches.map(({ payloads }) => payloads)).toEqual([[1, 3]]);
    batches[0].end();
    await setTimeout(30);
    expect(batches[1].payloads).toEqual([2]);
  });

  it('lets a job leave: before its batch its place is free, in its batch its result is dropped', async () => {
    const { queue, batches } = queueOf(2, 60_000);
    const [first, second] = [new AbortController(), new AbortController()];
    const left = queue.submit('g', 1, first.signal);
    first.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    expect(queue.waiting).toBe(0);

    const late = queue.submit('g', 2, second.signal);
    const stays = queue.submit('g', 3, never);
    expect(batches[0].payloads).toEqual([2, 3]);
    second.abort(new Error('gone too'));
    await expect(late).rejects.toThrow('gone too');
    batches[0].end();
    expect(await stays).toBe(30);
    await expect(queue.submit('g', 4, second.signal)).rejects.toThrow('gone too');
  });

  it('fails the jobs of a failed batch and goes on', async () => {
    const { queue, batches } = queueOf(1);
    const bad = queue.submit('g', 1, never);
    const good = queue.submit('g', 2, never);
    batches[0].fail(new Error('broken'));
    await expect(bad).rejects.toThrow('broken');
    batches[1].end();
    expect(await good).toBe(20);
  });
});
