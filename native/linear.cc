// x W + b for a few rows of x, where a general matrix product spends its time on laying W out anew: W is read once, in its
// own order, and every row takes from it what it needs.

#include <algorithm>

#include "kernel.h"

namespace showtell {
namespace {

// Columns of W that one piece of work takes: four 512-bit vectors.
constexpr int64_t kColumns = 64;
// Rows whose sums stay in registers.
constexpr int kRows = 4;

template <int R>
void block(const float* x, int64_t inner, const float* w, int64_t columns, const float* bias, int64_t column, int64_t width,
           float* y) {
  float sums[R][kColumns];
  for (int r = 0; r < R; r++) {
    for (int64_t j = 0; j < kColumns; j++) sums[r][j] = j < width ? bias[column + j] : 0.0f;
  }
  if (width == kColumns) {
    for (int64_t k = 0; k < inner; k++) {
      const float* row = w + k * columns + column;
      for (int r = 0; r < R; r++) {
        const float factor = x[r * inner + k];
#pragma omp simd
        for (int64_t j = 0; j < kColumns; j++) sums[r][j] += factor * row[j];
      }
    }
  } else {
    for (int64_t k = 0; k < inner; k++) {
      const float* row = w + k * columns + column;
      for (int r = 0; r < R; r++) {
        const float factor = x[r * inner + k];
        for (int64_t j = 0; j < width; j++) sums[r][j] += factor * row[j];
      }
    }
  }
  for (int r = 0; r < R; r++) std::copy(sums[r], sums[r] + width, y + r * columns + column);
}

void linear(TF_OpKernelContext* c) {
  const Input x(c, 0, "x"), weight(c, 1, "weight"), bias(c, 2, "bias");
  const int64_t rows = x.expect({-1, -1}).size(0), inner = x.size(1);
  const int64_t columns = weight.expect({inner, -1}).size(1);
  bias.expect({columns});
  float* y = output(c, 0, {rows, columns});
  const int64_t blocks = (columns + kColumns - 1) / kColumns;
  parallel(blocks, 0.1 * inner * kColumns * rows, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; n++) {
      const int64_t column = n * kColumns, width = std::min(kColumns, columns - column);
      for (int64_t row = 0; row < rows; row += kRows) {
        const float* from = x.floats() + row * inner;
        float* to = y + row * columns;
        const auto run = [&](auto count) {
          block<decltype(count)::value>(from, inner, weight.floats(), columns, bias.floats(), column, width, to);
        };
        switch (std::min<int64_t>(kRows, rows - row)) {
          case 1: run(std::integral_constant<int, 1>()); break;
          case 2: run(std::integral_constant<int, 2>()); break;
          case 3: run(std::integral_constant<int, 3>()); break;
          default: run(std::integral_constant<int, 4>()); break;
        }
      }
    }
  });
}

const Registration linearOp("ShowtellLinear", {"x: float", "weight: float", "bias: float"}, {"y: float"}, linear);

}  // namespace
}  // namespace showtell
