/*
 * The passes of src/data/resample.ts by 128-bit SIMD. Built by Debian's clang 14 with lld; again after a change, with any
 * clang that has wasm32 and wasm-ld:
 *
 *   clang --target=wasm32 -O3 -msimd128 -ffreestanding -fno-builtin -nostdlib \
 *     -Wl,--no-entry,--export=__heap_base,--strip-all -o resample.wasm resample.c
 *
 * Sums are whole numbers of 32 bits with BITS of fraction. Reads and writes may reach SLACK bytes behind an image.
 */
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define INLINE static inline __attribute__((always_inline))
#define BITS 22

INLINE v128_t weighted(v128_t sum, v128_t pixels, const int *weight) {
  return wasm_i32x4_add(sum, wasm_i32x4_mul(pixels, wasm_v128_load32_splat(weight)));
}

/** Whole parts, cut to 0 .. 255. */
INLINE v128_t bytes(v128_t a, v128_t b, v128_t c, v128_t d) {
  const v128_t low = wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(a, BITS), wasm_i32x4_shr(b, BITS));
  const v128_t high = wasm_i16x8_narrow_i32x4(wasm_i32x4_shr(c, BITS), wasm_i32x4_shr(d, BITS));
  return wasm_u8x16_narrow_i16x8(low, high);
}

INLINE void across(const unsigned char *x, int row_bytes, int rows, const int *first, const int *weights, int taps,
                   int columns, unsigned char *y) {
  const v128_t half = wasm_i32x4_splat(1 << (BITS - 1));
  for (int row = 0; row < rows; row++, x += row_bytes)
    for (int column = 0; column < columns; column++, y += 3) {
      const unsigned char *pixel = x + 3 * first[column];
      const int *weight = weights + column * taps;
      v128_t sum = half;
      for (int tap = 0; tap < taps; tap++, pixel += 3)
        sum = weighted(sum, wasm_u32x4_extend_low_u16x8(wasm_u16x8_extend_low_u8x16(wasm_v128_load32_zero(pixel))),
                       weight + tap);
      // The fourth byte is of the pixel behind, which comes next.
      wasm_v128_store32_lane(y, bytes(sum, sum, sum, sum), 0);
    }
}

INLINE void down(const unsigned char *x, int row_bytes, int rows, const int *first, const int *weights, int taps,
                 unsigned char *y) {
  const v128_t half = wasm_i32x4_splat(1 << (BITS - 1));
  for (int row = 0; row < rows; row++, weights += taps, y += row_bytes)
    for (int i = 0; i < row_bytes; i += 16) {
      const unsigned char *from = x + first[row] * row_bytes + i;
      v128_t a = half, b = half, c = half, d = half;
      for (int tap = 0; tap < taps; tap++, from += row_bytes) {
        const v128_t pixels = wasm_v128_load(from);
        const v128_t low = wasm_u16x8_extend_low_u8x16(pixels), high = wasm_u16x8_extend_high_u8x16(pixels);
        a = weighted(a, wasm_u32x4_extend_low_u16x8(low), weights + tap);
        b = weighted(b, wasm_u32x4_extend_high_u16x8(low), weights + tap);
        c = weighted(c, wasm_u32x4_extend_low_u16x8(high), weights + tap);
        d = weighted(d, wasm_u32x4_extend_high_u16x8(high), weights + tap);
      }
      wasm_v128_store(y + i, bytes(a, b, c, d));
    }
}

/** Rows (rows, columns, 3), each pixel a sum of `taps` pixels from `first` on; weights (columns, taps). */
EXPORT(horizontal)
void horizontal(const unsigned char *x, int row_bytes, int rows, const int *first, const int *weights, int taps,
                int columns, unsigned char *y) {
  if (taps == 3) across(x, row_bytes, rows, first, weights, 3, columns, y);
  else if (taps == 4) across(x, row_bytes, rows, first, weights, 4, columns, y);
  else across(x, row_bytes, rows, first, weights, taps, columns, y);
}

/** Rows (rows, row_bytes), each a sum of `taps` rows from `first` on; weights (rows, taps). */
EXPORT(vertical)
void vertical(const unsigned char *x, int row_bytes, int rows, const int *first, const int *weights, int taps,
              unsigned char *y) {
  if (taps == 3) down(x, row_bytes, rows, first, weights, 3, y);
  else if (taps == 4) down(x, row_bytes, rows, first, weights, 4, y);
  else down(x, row_bytes, rows, first, weights, taps, y);
}
