// How factors lie while they are multiplied, in units (units.h) of P:
//
//   panel of y: (depth, kPanel), zeros where y has no column
//   group of x: (rows, kDepth); of a transposed x (depth, kRows)
#pragma once

#include <algorithm>

#include "product.h"
#include "units.h"

namespace showtell {

// What fits the registers: sums of kRows x kVectors vectors, and what is multiplied.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int64_t kVectors = 3, kRows = 8;
#else
constexpr int64_t kVectors = 2, kRows = 6;
#endif
constexpr int64_t kPanel = kLanes * kVectors;
// Units of a panel that are multiplied in one go: as many as the second cache keeps beside a block of x.
constexpr int64_t kDepth = 384;

template <class P>
int64_t unitsOf(int64_t numbers) {
  return (numbers + P::kEach - 1) / P::kEach;
}

// `inner` rows from row k and `width` columns from `column` of y.
template <class P>
void packPanel(Factor y, int64_t k, int64_t inner, int64_t column, int64_t width, float* to) {
  if (!y.transposed) {
    for (int64_t u = 0; u < unitsOf<P>(inner); u++) {
      const float* row = y.data + (k + u * P::kEach) * y.stride + column;
      const float* next = (u + 1) * P::kEach <= inner ? row + y.stride : nullptr;
      for (int64_t v = 0; v < kPanel; v += kLanes) {
        // A pointer behind the row is not even made.
        store(to + u * kPanel + v, vectorOf(v < width ? P::across(row + v, next ? next + v : nullptr, width - v) : Bits{}));
      }
    }
    return;
  }
  for (int64_t u = 0; u < unitsOf<P>(inner); u += kLanes) {
    const int64_t left = inner - u * P::kEach, units = std::min(kLanes, unitsOf<P>(left));
    for (int64_t v = 0; v < kPanel; v += kLanes) {
      Bits square[kLanes];
      for (int64_t lane = 0; lane < kLanes; lane++) {
        const float* from = y.data + (column + v + lane) * y.stride + k + u * P::kEach;
        square[lane] = v + lane < width ? P::along(from, left) : Bits{};
      }
      transpose(square);
      for (int64_t i = 0; i < units; i++) store(to + (u + i) * kPanel + v, vectorOf(square[i]));
    }
  }
}

// `count` rows from `row`, and `inner` columns from k, of an x that is not transposed.
template <class P>
void packStraight(Factor x, int64_t row, int64_t count, int64_t k, int64_t inner, float* to) {
  for (int64_t r = 0; r < count; r++, to += kDepth) {
    const float* from = x.data + (row + r) * x.stride + k;
    for (int64_t u = 0; u < unitsOf<P>(inner); u += kLanes) {
      const int64_t left = inner - u * P::kEach;
      storeSome(to + u, P::along(from + u * P::kEach, left), unitsOf<P>(left));
    }
  }
}

// The same of a transposed one, for some groups side by side, so that whole lines of the cache are read: group g begins with
// row `firsts[g]`, and lies `area` behind the one before.
template <class P>
void packTurned(Factor x, const int64_t* firsts, int64_t groups, int64_t k, int64_t inner, float* to, int64_t area) {
  for (int64_t u = 0; u < unitsOf<P>(inner); u++) {
    const float* from = x.data + (k + u * P::kEach) * x.stride;
    const bool both = (u + 1) * P::kEach <= inner;
    for (int64_t g = 0; g < groups; g++) {
      const int64_t count = firsts[g + 1] - firsts[g];
      for (int64_t r = 0; r < count; r += kLanes) {
        const float* row = from + firsts[g] + r;
        storeSome(to + g * area + u * kRows + r, P::across(row, both ? row + x.stride : nullptr, count - r), count - r);
      }
    }
  }
}

}  // namespace showtell
