import { describe, expect, it } from 'vitest';
import { halfTable, toHalf } from './half.js';

function half(value: number): number {
  const out = new Uint16Array(1);
  expect(toHalf(Float32Array.of(value), out)).toBe(-1);
  return out[0];
}

describe('half precision', () => {
  it('gives every finite half back unchanged', () => {
    const table = halfTable();
    const out = new Uint16Array(1);
    for (let bits = 0; bits < 65536; bits++) {
      if (((bits >>> 10) & 31) === 31) continue;
      toHalf(table.subarray(bits, bits + 1), out);
      if (out[0] !== bits) expect(out[0]).toBe(bits);
    }
  });

  // Values of the standard: largest, smallest normal, largest and smallest subnormal, 1/3, -0.
  it.each([
    [0x7bff, 65504],
    [0x0400, 2 ** -14],
    [0x03ff, 1023 * 2 ** -24],
    [0x0001, 2 ** -24],
    [0x3555, 0.333251953125],
    [0xc000, -2],
    [0x8000, -0],
  ])('bits %i are %d', (bits, value) => {
    expect(halfTable()[bits]).toBe(value);
    expect(half(value)).toBe(bits);
  });

  it('rounds to the nearest, ties to the even neighbour', () => {
    const table = halfTable();
    for (let bits = 0; bits < 0x7bff; bits++) {
      const low = table[bits];
      const high = table[bits + 1];
      const middle = (low + high) / 2; // exact in float32: it needs one bit more than a half
      const even = bits % 2 === 0 ? bits : bits + 1;
      if (half(middle) !== even) expect(half(middle), `${middle}`).toBe(even);
      if (half(middle - (high - low) / 64) !== bits) expect.fail(`below ${middle}`);
      if (half(middle + (high - low) / 64) !== bits + 1) expect.fail(`above ${middle}`);
    }
  });

  it('saturates instead of overflowing', () => {
    for (const value of [65505, 65519, 65520, 65536, 1e9, 3.4e38]) {
      expect(half(value)).toBe(0x7bff);
      expect(half(-value)).toBe(0xfbff);
    }
  });

  it('says where the first number is that is not finite', () => {
    const out = new Uint16Array(4);
    expect(toHalf(Float32Array.of(1, 2, NaN, 3), out)).toBe(2);
    expect(toHalf(Float32Array.of(1, -Infinity, NaN, 3), out)).toBe(1);
  });
});
