import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { prefetch } from './prefetch.js';

describe('prefetch', () => {
  it('keeps the order with as many in flight as allowed', async () => {
    let running = 0;
    let most = 0;
    const work = async (n: number) => {
      most = Math.max(most, ++running);
      await sleep((n * 7) % 5);
      running--;
      return n * n;
    };
    const results: number[] = [];
    for await (const square of prefetch([...Array(20).keys()], () => 4, work)) results.push(square);
    expect(results).toEqual([...Array(20).keys()].map((n) => n * n));
    expect(most).toBe(4);
  });

  it('throws a failure at its turn and waits for what is in flight', async () => {
    let finished = 0;
    const work = async (n: number) => {
      await sleep(n === 1 ? 1 : 20);
      finished++;
      if (n === 1) throw new Error('one');
      return n;
    };
    const seen: number[] = [];
    const run = async () => {
      for await (const n of prefetch([0, 1, 2, 3], () => 4, work)) seen.push(n);
    };
    await expect(run()).rejects.toThrow('one');
    expect(seen).toEqual([0]);
    expect(finished).toBe(4);
  });
});
