// Products of matrices in the way of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008): blocks of
// the sums stay in registers, a panel of y and a block of x in the caches, both laid out in the order in which they are
// read (packing.h).

#include "product.h"

#include <utility>
#include <vector>

#include "kernel.h"
#include "packing.h"

namespace showtell {
namespace {

// Of x, so many depths and rows are laid out at once: what bounds the memory.
constexpr int64_t kDepths = 2, kMostRows = 1024;
// With fewer panels than this the rows are shared out as well.
constexpr int64_t kFewPanels = 32;
// Up to so many rows of x, an unpacked y is read as it lies.
constexpr int64_t kFewRows = 4;

enum class First { kResult, kBias, kZero };

// Sums of R rows and the columns of a panel, whose units lie `wStride` apart. x: rows and units lie ROW and UNIT apart.
template <class P, int R, int64_t ROW, int64_t UNIT>
void block(const float* x, int64_t depth, const float* w, int64_t wStride, First first, const float* bias, float* y,
           int64_t yStride) {
  Vector sums[R][kVectors];
  for (int r = 0; r < R; r++) {
    for (int v = 0; v < kVectors; v++) {
      sums[r][v] = first == First::kResult ? load(y + r * yStride + v * kLanes)
                   : first == First::kBias ? load(bias + v * kLanes)
                                           : Vector{};
    }
  }
  for (int64_t k = 0; k < depth; k++) {
    Vector units[kVectors];
    for (int v = 0; v < kVectors; v++) units[v] = load(w + k * wStride + v * kLanes);
    for (int r = 0; r < R; r++) {
      const float factor = x[r * ROW + k * UNIT];
      for (int v = 0; v < kVectors; v++) sums[r][v] = P::add(sums[r][v], factor, units[v]);
    }
  }
  for (int r = 0; r < R; r++) {
    for (int v = 0; v < kVectors; v++) store(y + r * yStride + v * kLanes, sums[r][v]);
  }
}

using Block = void (*)(const float*, int64_t, const float*, int64_t, First, const float*, float*, int64_t);

template <class P, int64_t ROW, int64_t UNIT, int... R>
constexpr Block blockOf(int64_t rows, std::integer_sequence<int, R...>) {
  constexpr Block blocks[] = {block<P, R + 1, ROW, UNIT>...};
  return blocks[rows - 1];
}

// The same for any width of panel: one that sticks out of the result is added up beside it.
template <class P, bool TURNED>
void addBlock(const float* x, int64_t count, int64_t depth, const float* w, int64_t wStride, int64_t width, First first,
              const float* bias, float* y, int64_t yStride) {
  constexpr int64_t kRow = TURNED ? 1 : kDepth, kUnit = TURNED ? kRows : 1;
  const Block add = blockOf<P, kRow, kUnit>(count, std::make_integer_sequence<int, kRows>());
  if (width == kPanel) {
    add(x, depth, w, wStride, first, bias, y, yStride);
    return;
  }
  float whole[kRows * kPanel] = {};
  if (first == First::kResult) {
    for (int64_t r = 0; r < count; r++) std::copy_n(y + r * yStride, width, whole + r * kPanel);
  }
  add(x, depth, w, wStride, first, bias, whole, kPanel);
  for (int64_t r = 0; r < count; r++) std::copy_n(whole + r * kPanel, width, y + r * yStride);
}

template <class P, bool TURNED>
void multiplied(ProductSize size, Factor x, Factor y, const float* packed, Begin begin, float* result, int64_t stride) {
  static thread_local std::vector<float> memory;
  const int64_t units = unitsOf<P>(size.inner), panels = panelsOf(size.columns);
  const bool asItLies = !packed && !y.transposed && P::kEach == 1 && std::is_same_v<P, Float32> && size.rows <= kFewRows;
  const int64_t parts = (size.rows + kMostRows - 1) / kMostRows;
  for (int64_t number = 0; number < parts; number++) {
    const int64_t top = size.rows * number / parts, rows = size.rows * (number + 1) / parts - top;
    // Groups of about the same number of rows.
    const int64_t groups = (rows + kRows - 1) / kRows;
    const auto firstOf = [&](int64_t group) { return rows * group / groups; };
    const int64_t shares = std::min(groups, (kFewPanels + panels - 1) / panels);
    for (int64_t from = 0; from == 0 || from < units; from += kDepths * kDepth) {
      const int64_t part = std::min(kDepths * kDepth, units - from), depths = (part + kDepth - 1) / kDepth;
      const auto unitsIn = [&](int64_t d) { return std::min(kDepth, part - d * kDepth); };
      const auto numbersIn = [&](int64_t d) {
        return std::min(unitsIn(d) * P::kEach, size.inner - (from + d * kDepth) * P::kEach);
      };
      constexpr int64_t kArea = kRows * kDepth;
      if (static_cast<int64_t>(memory.size()) < depths * groups * kArea) memory.resize(depths * groups * kArea);
      float* laid = memory.data();
      // Groups that are laid out at once.
      constexpr int64_t kTogether = 4;
      const int64_t bundles = (groups + kTogether - 1) / kTogether;
      parallel(depths * bundles, 0.1 * kRows * kTogether * std::min(part, kDepth), [&](int64_t begins, int64_t ends) {
        for (int64_t i = begins; i < ends; i++) {
          const int64_t d = i / bundles, group = i % bundles * kTogether, count = std::min(kTogether, groups - group);
          const int64_t k = (from + d * kDepth) * P::kEach;
          float* to = laid + (d * groups + group) * kArea;
          int64_t firsts[kTogether + 1];
          for (int64_t g = 0; g <= count; g++) firsts[g] = top + firstOf(group + g);
          if (TURNED) {
            packTurned<P>(x, firsts, count, k, numbersIn(d), to, kArea);
            continue;
          }
          for (int64_t g = 0; g < count; g++) {
            packStraight<P>(x, firsts[g], firsts[g + 1] - firsts[g], k, numbersIn(d), to + g * kArea);
          }
        }
      });
      const double cost = 0.01 * part * P::kEach * kPanel * std::max<int64_t>(rows, 4) / shares;
      parallel(panels * shares, cost, [&](int64_t begins, int64_t ends) {
        alignas(64) static thread_local float copy[kDepth * kPanel];
        float bias[kPanel] = {};
        // Depth by depth: what is read of x stays in the cache while the panels pass.
        for (int64_t d = 0; d < depths || d == 0; d++) {
          const int64_t at = from + d * kDepth;
          const First first = at > 0 || begin.result ? First::kResult : begin.bias ? First::kBias : First::kZero;
          for (int64_t i = begins; i < ends; i++) {
            const int64_t panel = i / shares, share = i % shares, column = panel * kPanel;
            const int64_t width = std::min(kPanel, size.columns - column);
            if (first == First::kBias) std::copy_n(begin.bias + column, width, bias);
            const bool here = asItLies && width == kPanel;
            const float* w = packed ? packed + (panel * units + at) * kPanel : here ? y.data + at * y.stride + column : copy;
            if (w == copy) packPanel<P>(y, at * P::kEach, numbersIn(d), column, width, copy);
            for (int64_t group = groups * share / shares; group < groups * (share + 1) / shares; group++) {
              const int64_t row = firstOf(group);
              addBlock<P, TURNED>(laid + (d * groups + group) * kArea, firstOf(group + 1) - row, unitsIn(d), w,
                                  here ? y.stride : kPanel, width, first, bias, result + (top + row) * stride + column,
                                  stride);
            }
          }
        }
      });
    }
  }
}

}  // namespace

int64_t panelWidth() { return kPanel; }

int64_t panelsOf(int64_t columns) { return (columns + kPanel - 1) / kPanel; }

int64_t depthOf(Precision precision, int64_t inner) {
  return precision == Precision::kFloat32 ? unitsOf<Float32>(inner) : unitsOf<Bfloat16>(inner);
}

void pack(Precision precision, Factor y, int64_t inner, int64_t columns, float* packed) {
  const int64_t depth = depthOf(precision, inner);
  parallel(panelsOf(columns), 0.2 * inner * kPanel, [&](int64_t begins, int64_t ends) {
    for (int64_t panel = begins; panel < ends; panel++) {
      const int64_t column = panel * kPanel, width = std::min(kPanel, columns - column);
      float* to = packed + panel * depth * kPanel;
      if (precision == Precision::kFloat32) {
        packPanel<Float32>(y, 0, inner, column, width, to);
      } else {
        packPanel<Bfloat16>(y, 0, inner, column, width, to);
      }
    }
  });
}

void multiply(Precision precision, ProductSize size, Factor x, Factor y, const float* packed, Begin begin, float* result,
              int64_t stride) {
  if (size.rows == 0 || size.columns == 0) return;
  const auto run = precision == Precision::kFloat32
                       ? (x.transposed ? multiplied<Float32, true> : multiplied<Float32, false>)
                       : (x.transposed ? multiplied<Bfloat16, true> : multiplied<Bfloat16, false>);
  run(size, x, y, packed, begin, result, stride);
}

}  // namespace showtell
