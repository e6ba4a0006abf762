import { describe, expect, it } from 'vitest';
import {
  allReduce,
  coreHours,
  efficiency,
  formatCaptioning,
  formatPredictions,
  payingUpTo,
  type Workload,
} from '../../bench/cost-model.js';

// 100 bytes/s and a tenth of a second.
const link = { name: 'slow', bandwidth: 100, latency: 0.1 };
const whole = 1e6; // bytes of a bucket: one call

describe('the cost model', () => {
  it('sums by a ring, or by a butterfly where messages are small', () => {
    expect(allReduce(1, 1000, link, whole)).toBe(0);
    // Ring: 2 * 3/4 * 1000 / 100 + 2 * 3 * 0.1 = 15.6 s; butterfly: 2 * (10 + 0.1) = 20.2 s.
    expect(allReduce(4, 1000, link, whole)).toBeCloseTo(15.6, 12);
    // Ring: 2 * 3/4 * 1 / 100 + 0.6 = 0.615 s; butterfly: 2 * (0.01 + 0.1) = 0.22 s.
    expect(allReduce(4, 1, link, whole)).toBeCloseTo(0.22, 12);
    // Buckets of 400, 400 and 200 bytes: each 0.6 s of latency by a ring.
    expect(allReduce(4, 1000, link, 400)).toBeCloseTo(15 + 3 * 0.6, 12);
  });

  it('loses by the exchange, until half of the time is gone', () => {
    // Two workers by a ring: 10 s for 1,000 bytes and 0.2 s of latency; by a butterfly 10.1 s. 1 s in the worker.
    const of = (step: number): Workload => ({ label: 'w', step, images: 10, bytes: 1000, cores: 2 });
    const exchange = { rate: 1000, bucket: whole };
    expect(efficiency(1, of(5), link, exchange)).toBe(1);
    expect(efficiency(2, of(11.1), link, exchange)).toBeCloseTo(0.5, 12);
    expect(payingUpTo(of(11.05), link, exchange)).toBe(1);
    expect(payingUpTo(of(11.15), link, exchange)).toBe(2);
    // 1,024 workers by a butterfly: 10 rounds, 101 s; by a ring 19.98 + 204.6 s.
    expect(payingUpTo(of(102.1), link, exchange)).toBe(1024);
    expect(payingUpTo(of(101.9), link, exchange)).toBe(512);
  });

  it('loses more where workers share one batch', () => {
    const workload = { label: 'w', step: 40, images: 2, bytes: 1000, cores: 2 };
    const exchange = { rate: 1000, bucket: whole };
    // Two workers: 20 s of an image each, 10.1 + 1 s of exchange. Four: two have no image; 15.6 + 1 s.
    expect(efficiency(2, workload, link, exchange, 'shared')).toBeCloseTo(20 / 31.1, 12);
    expect(efficiency(4, workload, link, exchange, 'shared')).toBeCloseTo(10 / 36.6, 12);
    expect(payingUpTo(workload, link, exchange, 'shared')).toBe(2);
  });

  it('counts core-hours and their price', () => {
    // A hundred million photos at 10 a second: 10 million seconds.
    expect(coreHours(10)).toBeCloseTo(1e7 / 3600, 9);
    expect(formatCaptioning(10, { coreHour: 0.5 })).toBe(
      'captioning 100,000,000 photos (measured: 10.0 images/s and core); predicted: 2,778 core-hours, 1,389 at 0.5 a core-hour',
    );
    // No bytes: nothing is lost, and 1,024 workers do 100 images/s each.
    const workload = { label: 'free', step: 0.1, images: 10, bytes: 0, cores: 2 };
    const text = formatPredictions([workload], { rate: 1e9, bucket: whole }, { coreHour: 0.5 });
    const rows = text.split('\n').filter((line) => line.startsWith('| 10 Gb/s Ethernet'));
    expect(rows).toEqual([
      `| 10 Gb/s Ethernet |${' 100 % |'.repeat(11)} past 1,024 | 32 | 102,400 | 556 | 278 |`,
    ]);
  });
});
