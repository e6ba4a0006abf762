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

  it('takes items as they come; their error comes behind the results of those before it', async () => {
    let given = 0;
    let ended = false;
    async function* items() {
      try {
        for (let n = 0; n < 100; n++) {
          await sleep(1);
          given++;
          if (n === 5) throw new Error('no sixth');
          yield n;
        }
      } finally {
        ended = true;
      }
    }
    const seen: number[] = [];
    const run = async (stopAt: number) => {
      for await (const n of prefetch(
        items(),
        () => 3,
        async (item) => item,
      )) {
        seen.push(n);
        if (n === stopAt) break;
      }
    };
    await expect(run(9)).rejects.toThrow('no sixth');
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    [given, ended] = [0, false];
    await run(1);
    expect(ended).toBe(true);
    expect(given).toBeLessThanOrEqual(5); // the two that were taken and three ahead
  });
});
