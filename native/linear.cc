// Products of a few rows with a weight matrix, where a general matrix product spends its time on laying the matrix out anew: W is
// read once, in its own order, and every row takes from it what it needs.

#include "linear.h"

#include <algorithm>
#include <cstring>

#include "kernel.h"

namespace showtell {
namespace {

// Sixteen numbers; compilers make of them what the processor has.
typedef float Vector __attribute__((vector_size(64), aligned(4)));
constexpr int64_t kLanes = 16;
// Vectors of a row whose sums stay in registers, and rows.
constexpr int kVectors = 4;
constexpr int kRows = 4;
constexpr int64_t kColumns = kLanes * kVectors;
// Rows of W that are copied side by side where more rows of x than `kRows` read them: W's own rows often lie a power of two
// apart, and such addresses share the same few places of a cache.
constexpr int64_t kDepth = 128;
constexpr int64_t kWide = 256;
// Rows of W that are asked for before they are copied.
constexpr int64_t kAhead = 6;

inline Vector load(const float* from) {
  Vector vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}

template <int R, int V>
void block(Rows x, int64_t inner, const float* w, int64_t columns, float* y, int64_t yStride) {
  Vector sums[R][V];
  for (int r = 0; r < R; r++) {
    for (int v = 0; v < V; v++) sums[r][v] = load(y + r * yStride + v * kLanes);
  }
  for (int64_t k = 0; k < inner; k++) {
    const float* row = w + k * columns;
    Vector weights[V];
    for (int v = 0; v < V; v++) weights[v] = load(row + v * kLanes);
    for (int r = 0; r < R; r++) {
      const float factor = x.data[r * x.stride + k];
      for (int v = 0; v < V; v++) sums[r][v] += factor * weights[v];
    }
  }
  for (int r = 0; r < R; r++) {
    for (int v = 0; v < V; v++) std::memcpy(y + r * yStride + v * kLanes, &sums[r][v], sizeof(Vector));
  }
}

// The columns that fill no vector.
void rest(Rows x, int64_t rows, int64_t inner, const float* w, int64_t columns, int64_t width, float* y,
          int64_t yStride) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t k = 0; k < inner; k++) {
      const float factor = x.data[r * x.stride + k];
      for (int64_t j = 0; j < width; j++) y[r * yStride + j] += factor * w[k * columns + j];
    }
  }
}

template <int V>
void vectors(Rows x, int64_t rows, int64_t inner, const float* w, int64_t columns, float* y, int64_t yStride) {
  for (int64_t row = 0; row < rows; row += kRows) {
    const Rows from{x.data + row * x.stride, x.stride};
    float* to = y + row * yStride;
    switch (std::min<int64_t>(kRows, rows - row)) {
      case 1: block<1, V>(from, inner, w, columns, to, yStride); break;
      case 2: block<2, V>(from, inner, w, columns, to, yStride); break;
      case 3: block<3, V>(from, inner, w, columns, to, yStride); break;
      default: block<kRows, V>(from, inner, w, columns, to, yStride); break;
    }
  }
}

// Columns 0..`width` of W for many rows of x; `width` is a multiple of `kColumns`, at most `kWide`.
void packed(Rows x, int64_t rows, int64_t inner, const float* w, int64_t columns, int64_t width, float* y,
            int64_t yStride) {
  alignas(64) static thread_local float copy[kDepth * kWide];
  for (int64_t k = 0; k < inner; k += kDepth) {
    const int64_t depth = std::min(kDepth, inner - k);
    for (int64_t i = 0; i < depth; i++) {
      const float* row = w + (k + i) * columns;
      for (int64_t j = 0; j < width; j += kColumns) {
        for (int v = 0; v < kVectors; v++) {
          if (k + i + kAhead < inner) __builtin_prefetch(row + kAhead * columns + j + v * kLanes);
          const Vector weights = load(row + j + v * kLanes);
          std::memcpy(copy + j * kDepth + i * kColumns + v * kLanes, &weights, sizeof weights);
        }
      }
    }
    for (int64_t j = 0; j < width; j += kColumns) {
      vectors<kVectors>({x.data + k, x.stride}, rows, depth, copy + j * kDepth, kColumns, y + j, yStride);
    }
  }
}

void linear(TF_OpKernelContext* c) {
  const Input x(c, 0, "x"), weight(c, 1, "weight"), bias(c, 2, "bias");
  const int64_t rows = x.expect({-1, -1}).size(0), inner = x.size(1);
  const int64_t columns = weight.expect({inner, -1}).size(1);
  bias.expect({columns});
  float* y = output(c, 0, {rows, columns});
  fillRows(bias.floats(), rows, columns, y, columns);
  addProduct({x.floats(), inner}, rows, inner, weight.floats(), columns, y, columns);
}

const Registration linearOp("ShowtellLinear", {"x: float", "weight: float", "bias: float"}, {"y: float"}, linear);

}  // namespace

void fillRows(const float* bias, int64_t rows, int64_t columns, float* y, int64_t yStride) {
  for (int64_t row = 0; row < rows; row++) std::copy(bias, bias + columns, y + row * yStride);
}

void addProduct(Rows x, int64_t rows, int64_t inner, const float* weight, int64_t columns, float* y,
                int64_t yStride) {
  const int64_t wide = rows > kRows ? kWide : kColumns;
  const int64_t blocks = (columns + wide - 1) / wide;
  parallel(blocks, 0.02 * inner * wide * std::max<int64_t>(rows, 2), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; n++) {
      int64_t column = n * wide, width = std::min(wide, columns - column);
      const int64_t whole = width / kColumns * kColumns;
      if (whole > 0 && rows > kRows) {
        packed(x, rows, inner, weight + column, columns, whole, y + column, yStride);
      } else if (whole > 0) {
        vectors<kVectors>(x, rows, inner, weight + column, columns, y + column, yStride);
      }
      column += whole;
      width -= whole;
      for (; width >= kLanes; column += kLanes, width -= kLanes) {
        vectors<1>(x, rows, inner, weight + column, columns, y + column, yStride);
      }
      rest(x, rows, inner, weight + column, columns, width, y + column, yStride);
    }
  });
}

}  // namespace showtell
