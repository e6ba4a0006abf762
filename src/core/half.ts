/** IEEE 754 half precision (binary16): 5 bits of exponent, 10 of fraction, largest value 65504. */

const LARGEST = 0x7bff;

/** By the exponent of a float32, biased by 127: how many bits its significand loses, and what is added to the rest. */
const shifts = new Uint8Array(256);
const bases = new Uint16Array(256);
for (let exponent = 0; exponent < 256; exponent++) {
  // From 2^-14 on halves are normal: their significand's highest bit adds 1 to an exponent that is biased by 15. Those below
  // are multiples of 2^-24; what is below a quarter of that is zero.
  const normal = exponent >= 127 - 14;
  shifts[exponent] = normal ? 13 : exponent < 127 - 26 ? 31 : 13 + (127 - 14) - exponent;
  bases[exponent] = normal ? Math.min(exponent - (127 - 14), 31) << 10 : 0;
}

/**
 * Rounds to nearest, ties to even; a finite number beyond the range becomes +-65504.
 *
 * @returns index of the first NaN or infinity, which has no half worth storing; -1 if there is none
 */
export function toHalf(values: Float32Array, out: Uint16Array): number {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] | 0;
    const exponent = (word >>> 23) & 255;
    if (exponent === 255) return i;
    const shift = shifts[exponent];
    const significand = (word & 0x7fffff) | 0x800000;
    // The odd bit makes ties go to even.
    const rounding = (1 << (shift - 1)) - 1 + ((significand >>> shift) & 1);
    const half = bases[exponent] + ((significand + rounding) >>> shift);
    out[i] = ((word >>> 16) & 0x8000) | (half < LARGEST ? half : LARGEST);
  }
  return -1;
}

let table: Float32Array | undefined;

/** The float32 value of each of the 65,536 halves. */
export function halfTable(): Float32Array {
  table ??= Float32Array.from({ length: 65536 }, (_, half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >>> 10) & 31;
    const fraction = half & 0x3ff;
    if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
  return table;
}
