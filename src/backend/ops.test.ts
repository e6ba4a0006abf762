import { beforeAll, expect, it } from 'vitest';
import { prepareBackend, randomUniform } from './index.js';

beforeAll(async () => {
  await prepareBackend();
});

it('draws the same numbers from the same seed', () => {
  const [a, b, c] = [7, 7, 8].map((seed) => randomUniform([50, 200], seed));
  expect(a.dataSync()).toEqual(b.dataSync());
  expect(a.dataSync()).not.toEqual(c.dataSync());
  expect(a.shape).toEqual([50, 200]);
  const values = a.dataSync<'float32'>();
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...values)).toBeLessThan(1);
  // The mean of n uniform numbers deviates by 1/sqrt(12 n) = 0.003; five of that.
  expect(Math.abs(values.reduce((x, y) => x + y) / values.length - 0.5)).toBeLessThan(0.015);
});
