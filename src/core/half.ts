/** IEEE 754 half precision (binary16): 5 bits of exponent, 10 of fraction, largest value 65504. */

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Float32 bits of 65520, from which rounding would give infinity. */
const OVERFLOW = 0x477ff000;
/** Float32 bits of 2^-14, the smallest normal half. */
const SMALLEST_NORMAL = 0x38800000;
const LARGEST = 0x7bff;

/**
 * Rounds to nearest, ties to even; a finite number beyond the range becomes +-65504.
 *
 * @returns index of the first NaN or infinity, which has no half worth storing; -1 if there is none
 */
export function toHalf(values: Float32Array, out: Uint16Array): number {
  for (let i = 0; i < values.length; i++) {
    float[0] = values[i];
    const sign = (bits[0] >>> 16) & 0x8000;
    const magnitude = bits[0] & 0x7fffffff;
    let half: number;
    if (magnitude >= 0x7f800000) return i;
    if (magnitude >= OVERFLOW) half = LARGEST;
    else if (magnitude < SMALLEST_NORMAL) {
      // Next to 0.5 a float32 step is 2^-24, the step of subnormal halves: the addition rounds as wanted.
      bits[0] = magnitude;
      float[0] += 0.5;
      half = bits[0] - 0x3f000000;
    } else {
      // 112 = difference of the exponent biases; the odd bit makes ties go to even.
      half = (magnitude - (112 << 23) + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    }
    out[i] = sign | half;
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
