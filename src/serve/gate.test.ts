import { describe, expect, it } from 'vitest';
import { Gate } from './gate.js';

const never = new AbortController().signal;

describe('a gate', () => {
  it('runs as many as it has places, the others in their order', async () => {
    const gate = new Gate(2);
    const running = new Set<number>();
    const order: number[] = [];
    let most = 0;
    const work = (n: number) => async () => {
      order.push(n);
      running.add(n);
      most = Math.max(most, running.size);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running.delete(n);
      return n;
    };
    expect(await Promise.all([1, 2, 3, 4, 5].map((n) => gate.run(work(n), never)))).toEqual([1, 2, 3, 4, 5]);
    expect(most).toBe(2);
    expect(order).toEqual([1, 2, 3, 4, 5]);
  });

  it('keeps the place of work whose caller left until it ends, and never starts what left the line', async () => {
    const gate = new Gate(1);
    const [first, second] = [new AbortController(), new AbortController()];
    let end = () => {};
    const begun = gate.run(() => new Promise<void>((resolve) => (end = resolve)), first.signal);
    let started = 0;
    const inLine = gate.run(async () => void started++, second.signal);
    const last = gate.run(async () => 'last', never);
    first.abort(new Error('left'));
    await expect(begun).rejects.toThrow('left');
    second.abort(new Error('left the line'));
    await expect(inLine).rejects.toThrow('left the line');
    end();
    expect(await last).toBe('last');
    expect(started).toBe(0);
  });

  it('gives the place on after a failure', async () => {
    const gate = new Gate(1);
    await expect(gate.run(() => Promise.reject(new Error('broken')), never)).rejects.toThrow('broken');
    expect(await gate.run(async () => 1, never)).toBe(1);
  });
});
