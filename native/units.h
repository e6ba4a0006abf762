// What matrix products are made of: numbers as float32, or rounded to bfloat16. A unit is 32 bits: one float32, or, where the
// processor multiplies pairs (AVX-512's VDPBF16PS), two bfloat16 that follow each other in the direction of the sum.
#pragma once

#include <cstdint>
#include <cstring>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "vector.h"

namespace showtell {

typedef uint32_t Bits __attribute__((vector_size(kBytes), aligned(4)));

inline Bits bitsOf(Vector vector) {
  Bits bits;
  std::memcpy(&bits, &vector, sizeof bits);
  return bits;
}

inline Vector vectorOf(Bits bits) {
  Vector vector;
  std::memcpy(&vector, &bits, sizeof vector);
  return vector;
}

// The nearest bfloat16, ties to even, in the upper half of 32 bits. Not a number stays so.
inline Bits rounded(Vector x) {
  const Bits bits = bitsOf(x);
  const Bits nearest = bits + 0x7fff + ((bits >> 16) & 1);
  return (x == x ? nearest : (bits | 0x400000)) & 0xffff0000;
}

inline uint32_t rounded(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return (x == x ? bits + 0x7fff + ((bits >> 16) & 1) : bits | 0x400000) & 0xffff0000;
}

#if defined(__AVX512F__)
inline __mmask16 someOf(int64_t count) {
  return static_cast<__mmask16>(count >= kLanes ? 0xffff : count <= 0 ? 0 : (1u << count) - 1);
}
#endif

// `count` numbers, as far as they fit, and zeros.
inline Vector loadSome(const float* from, int64_t count) {
  if (count >= kLanes) return load(from);
#if defined(__AVX512F__)
  return (Vector)_mm512_maskz_loadu_ps(someOf(count), from);
#endif
  Vector some{};
  if (count > 0) std::memcpy(&some, from, count * sizeof(float));
  return some;
}

// As many units of these as fit `count`.
inline void storeSome(float* to, Bits units, int64_t count) {
  if (count <= 0) return;
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(to, someOf(count), (__m512)units);
  return;
#endif
  std::memcpy(to, &units, (count < kLanes ? count : kLanes) * sizeof(float));
}

struct Float32 {
  static constexpr int64_t kEach = 1;  // numbers in a unit
  static Vector add(Vector sum, float factor, Vector units) { return sum + factor * units; }
  // Units of numbers of which the first `count` are there.
  static Bits along(const float* from, int64_t count) { return bitsOf(loadSome(from, count)); }
  // Units of numbers that follow each other from row to row; the row behind may be missing.
  static Bits across(const float* row, const float*, int64_t count) { return bitsOf(loadSome(row, count)); }
};

#if defined(__AVX512BF16__)
struct Bfloat16 {
  static constexpr int64_t kEach = 2;
  static Vector add(Vector sum, float factor, Vector units) {
    return (Vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_ps(factor), (__m512bh)units);
  }
  static Bits along(const float* from, int64_t count) {
    const auto low = (__m512)loadSome(from, count), high = (__m512)loadSome(from + kLanes, count - kLanes);
    const __m512bh both = _mm512_cvtne2ps_pbh(high, low);
    Bits units;
    std::memcpy(&units, &both, sizeof units);
    return units;
  }
  static Bits across(const float* row, const float* next, int64_t count) {
    const Bits low = rounded(loadSome(row, count)) >> 16;
    return next ? low | rounded(loadSome(next, count)) : low;
  }
};
#else
// Without such an instruction the product of rounded numbers is that of float32.
struct Bfloat16 : Float32 {
  static Bits along(const float* from, int64_t count) { return rounded(loadSome(from, count)); }
  static Bits across(const float* row, const float*, int64_t count) { return rounded(loadSome(row, count)); }
};
#endif

// Rows become columns, of as many units in a row as there are rows.
inline void transpose(Bits* rows) {
#pragma GCC unroll 8
  for (int width = 1; width < kLanes; width *= 2) {
    Bits upper, lower;
    for (int lane = 0; lane < kLanes; lane++) {
      upper[lane] = (lane & width) == 0 ? lane : kLanes + lane - width;
      lower[lane] = (lane & width) == 0 ? lane + width : kLanes + lane;
    }
#pragma GCC unroll 16
    for (int row = 0; row < kLanes; row++) {
      if (row & width) continue;
      const Bits a = rows[row], b = rows[row + width];
#if defined(__clang__)
      for (int lane = 0; lane < kLanes; lane++) {
        rows[row][lane] = upper[lane] < kLanes ? a[upper[lane]] : b[upper[lane] - kLanes];
        rows[row + width][lane] = lower[lane] < kLanes ? a[lower[lane]] : b[lower[lane] - kLanes];
      }
#else
      rows[row] = __builtin_shuffle(a, b, upper);
      rows[row + width] = __builtin_shuffle(a, b, lower);
#endif
    }
  }
}

}  // namespace showtell
