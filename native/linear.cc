// Products with a weight matrix. W is cut into panels of some columns; of a panel, the numbers lie in the order in which they
// are multiplied: memory is read from front to back, and each number once. Decoding multiplies by the same weights again
// and again, so they are packed once (`ShowtellPack`); otherwise a panel is packed where it is needed, or, for a few rows,
// read as it lies.
//
//   packed W: (panels, inner, kPanel), zeros where W has no column

#include "linear.h"

#include <algorithm>
#include <utility>

#include "kernel.h"
#include "vector.h"

namespace showtell {
namespace {

// What fits the registers: sums of kRows x kVectors vectors, and what is multiplied.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kVectors = 3, kRows = 8;
#else
constexpr int kVectors = 2, kRows = 6;
#endif
constexpr int64_t kPanel = kLanes * kVectors;
// Rows of a panel that stay in the first cache while all rows of x pass.
constexpr int64_t kDepth = 128;
// Up to so many rows of x an unpacked W is read as it lies.
constexpr int64_t kFew = 4;

// y += x W for R rows and the columns of one panel, whose rows lie `wStride` apart.
template <int R>
void block(Rows x, int64_t inner, const float* w, int64_t wStride, float* y, int64_t yStride) {
  Vector sums[R][kVectors];
  for (int r = 0; r < R; r++) {
    for (int v = 0; v < kVectors; v++) sums[r][v] = load(y + r * yStride + v * kLanes);
  }
  for (int64_t k = 0; k < inner; k++) {
    Vector weights[kVectors];
    for (int v = 0; v < kVectors; v++) weights[v] = load(w + k * wStride + v * kLanes);
    for (int r = 0; r < R; r++) {
      const float factor = x.data[r * x.stride + k];
      for (int v = 0; v < kVectors; v++) sums[r][v] += factor * weights[v];
    }
  }
  for (int r = 0; r < R; r++) {
    for (int v = 0; v < kVectors; v++) store(y + r * yStride + v * kLanes, sums[r][v]);
  }
}

using Block = void (*)(Rows, int64_t, const float*, int64_t, float*, int64_t);

template <int... R>
constexpr Block blockOf(int64_t rows, std::integer_sequence<int, R...>) {
  constexpr Block blocks[] = {block<R + 1>...};
  return blocks[rows - 1];
}

// Any number of rows, in groups of about the same size. A panel that sticks out of y is added in memory of its own.
void addPanel(Rows x, int64_t rows, int64_t inner, const float* w, int64_t wStride, int64_t width, float* y,
              int64_t yStride) {
  const int64_t groups = (rows + kRows - 1) / kRows;
  for (int64_t group = 0; group < groups; group++) {
    const int64_t first = rows * group / groups, count = rows * (group + 1) / groups - first;
    const Block add = blockOf(count, std::make_integer_sequence<int, kRows>());
    const Rows from{x.data + first * x.stride, x.stride};
    float* to = y + first * yStride;
    if (width == kPanel) {
      add(from, inner, w, wStride, to, yStride);
      continue;
    }
    float whole[kRows * kPanel] = {};
    for (int64_t r = 0; r < count; r++) std::copy_n(to + r * yStride, width, whole + r * kPanel);
    add(from, inner, w, wStride, whole, kPanel);
    for (int64_t r = 0; r < count; r++) std::copy_n(whole + r * kPanel, width, to + r * yStride);
  }
}

// Rows of W side by side, from its column `w` on.
void packPanel(const float* w, int64_t columns, int64_t inner, int64_t width, float* to) {
  for (int64_t k = 0; k < inner; k++) {
    std::copy_n(w + k * columns, width, to + k * kPanel);
    std::fill(to + k * kPanel + width, to + (k + 1) * kPanel, 0.0f);
  }
}

void linear(TF_OpKernelContext* c) {
  const Input x(c, 0, "x"), weight(c, 1, "weight"), bias(c, 2, "bias");
  const int64_t rows = x.expect({-1, -1}).size(0), inner = x.size(1);
  const int64_t columns = weight.expect({inner, -1}).size(1);
  bias.expect({columns});
  float* y = output(c, 0, {rows, columns});
  fillRows(bias.floats(), rows, columns, y, columns);
  addProduct({x.floats(), inner}, rows, {weight.floats(), inner, columns, false}, y, columns);
}

// Some matrices with the same number of rows, side by side, packed as one.
void pack(TF_OpKernelContext* c) {
  const Input weight(c, 0, "weight");
  const int64_t inner = weight.expect({-1, -1}).size(0), columns = weight.size(1);
  const int64_t panels = panelsOf(columns);
  float* packed = output(c, 0, {panels, inner, kPanel});
  parallel(panels, 0.2 * inner * kPanel, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++) {
      const int64_t width = std::min(kPanel, columns - p * kPanel);
      packPanel(weight.floats() + p * kPanel, columns, inner, width, packed + p * inner * kPanel);
    }
  });
}

const Registration linearOp("ShowtellLinear", {"x: float", "weight: float", "bias: float"}, {"y: float"}, linear);
const Registration packOp("ShowtellPack", {"weight: float"}, {"packed: float"}, pack);

}  // namespace

int64_t panelWidth() { return kPanel; }

int64_t panelsOf(int64_t columns) { return (columns + kPanel - 1) / kPanel; }

void fillRows(const float* bias, int64_t rows, int64_t columns, float* y, int64_t yStride) {
  for (int64_t row = 0; row < rows; row++) std::copy(bias, bias + columns, y + row * yStride);
}

void addProduct(Rows x, int64_t rows, Weight weight, float* y, int64_t yStride) {
  const auto [data, inner, columns, ready] = weight;
  if (rows == 0) return;
  parallel(panelsOf(columns), 0.02 * inner * kPanel * std::max<int64_t>(rows, 2), [&](int64_t begin, int64_t end) {
    alignas(64) static thread_local float copy[kDepth * kPanel];
    for (int64_t p = begin; p < end; p++) {
      const int64_t width = std::min(kPanel, columns - p * kPanel);
      float* to = y + p * kPanel;
      const bool asItLies = !ready && rows <= kFew && width == kPanel;
      const int64_t depth = asItLies || (ready && rows <= kRows) ? inner : kDepth;
      for (int64_t k = 0; k < inner; k += depth) {
        const int64_t part = std::min(depth, inner - k);
        const float* w = ready ? data + (p * inner + k) * kPanel : data + k * columns + p * kPanel;
        if (!ready && !asItLies) {
          packPanel(w, columns, part, width, copy);
          w = copy;
        }
        addPanel({x.data + k, x.stride}, rows, part, w, asItLies ? columns : kPanel, width, to, yStride);
      }
    }
  });
}

}  // namespace showtell
