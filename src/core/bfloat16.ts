/** bfloat16: the upper half of a float32, with 8 bits of exponent and 7 of fraction. */

/** Bits of a NaN; rounding could make an infinity or a zero of one. */
const NAN = 0x7fc0;

/**
 * Rounds to nearest, ties to even: off by at most 2^-8 of a number (2^-134 of one below 2^-126). What is beyond the range becomes an
 * infinity; NaN stays NaN.
 * @param values (N)
 * @param out at least N
 */
export function toBfloat16(values: Float32Array, out: Uint16Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const own = bits[i];
    // The odd bit makes ties go to even.
    out[i] = (own & 0x7fffffff) > 0x7f800000 ? NAN : (own + 0x7fff + ((own >>> 16) & 1)) >>> 16;
  }
}

/**
 * @param values (N)
 * @param out at least N
 */
export function fromBfloat16(values: Uint16Array, out: Float32Array): void {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < values.length; i++) bits[i] = values[i] << 16;
}
