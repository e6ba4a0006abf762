import { expect, it } from 'vitest';
import { fromBfloat16, toBfloat16 } from './bfloat16.js';
import { Random } from './random.js';

const rounded = (...values: number[]): number[] => {
  const halves = new Uint16Array(values.length);
  toBfloat16(Float32Array.from(values), halves);
  const out = new Float32Array(values.length);
  fromBfloat16(halves, out);
  return [...out];
};

it('rounds to nearest, ties to even', () => {
  // Between 1 and 2 the step is 2^-7.
  const step = 2 ** -7;
  expect(rounded(1, 1 + 0.49 * step, 1 + 0.51 * step)).toEqual([1, 1, 1 + step]);
  expect(rounded(1 + 0.5 * step, 1 + 1.5 * step, 1 + 2.5 * step)).toEqual([1, 1 + 2 * step, 1 + 2 * step]);
  expect(rounded(-(1 + 0.5 * step), -(1 + 1.5 * step))).toEqual([-1, -(1 + 2 * step)]);
  expect(rounded(2 - 0.5 * step)).toEqual([2]); // into the next exponent
});

it('keeps zeros, infinities and NaN, and has the range of float32', () => {
  const odd = new Float32Array(Uint32Array.of(0x7fffffff, 0x7f800001, 0xffffffff).buffer);
  expect(rounded(0, -0, Infinity, -Infinity)).toEqual([0, -0, Infinity, -Infinity]);
  const halves = new Uint16Array(3);
  toBfloat16(odd, halves);
  expect([...halves]).toEqual([0x7fc0, 0x7fc0, 0x7fc0]);
  expect(rounded(3.4028234e38)).toEqual([Infinity]);
  expect(rounded(2 ** -133, 2 ** -126)).toEqual([2 ** -133, 2 ** -126]); // its smallest, and the smallest normal one
});

it('is off by at most 2^-8 of a number', () => {
  const random = Random.from('bfloat16');
  const values = Array.from({ length: 2000 }, () =>
    Math.fround((random.next() - 0.5) * 10 ** (random.integer(60) - 30)),
  );
  rounded(...values).forEach((value, i) => {
    expect(Math.abs(value - values[i])).toBeLessThanOrEqual(2 ** -8 * Math.abs(values[i]));
  });
});
