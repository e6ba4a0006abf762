#include "convolve.h"

#include <algorithm>
#include <utility>

#include "packing.h"

namespace showtell {
namespace {

// R places and V vectors of columns, whose weights lie kPanel apart.
template <int R, int V>
void tile(const Places& x, const float* from, const float* w, const float* bias, const Result& result, float* y,
          const float* residual, int64_t width) {
  Vector sums[R][V];
  for (int r = 0; r < R; r++) {
    for (int v = 0; v < V; v++) sums[r][v] = load(bias + v * kLanes);
  }
  for (int64_t run = 0; run < x.runs; run++, from += x.runStride) {
    for (int64_t k = 0; k < x.length; k++, w += kPanel) {
      Vector weights[V];
      for (int v = 0; v < V; v++) weights[v] = load(w + v * kLanes);
      for (int r = 0; r < R; r++) {
        const float factor = from[r * x.stride + k];
        for (int v = 0; v < V; v++) sums[r][v] += factor * weights[v];
      }
    }
  }
  for (int r = 0; r < R; r++) {
    for (int v = 0; v < V; v++) {
      const int64_t left = result.whole ? kLanes : width - v * kLanes;
      if (residual) sums[r][v] += loadSome(residual + r * result.stride + v * kLanes, left);
      storeSome(y + r * result.stride + v * kLanes, bitsOf(activated(result.activation, sums[r][v])), left);
    }
  }
}

using Tile = void (*)(const Places&, const float*, const float*, const float*, const Result&, float*, const float*, int64_t);

template <int V, int... R>
constexpr Tile tileOf(int64_t rows, std::integer_sequence<int, R...>) {
  constexpr Tile tiles[] = {tile<R + 1, V>...};
  return tiles[rows - 1];
}

Tile tileOf(int64_t rows, int64_t vectors) {
  constexpr auto all = std::make_integer_sequence<int, kRows>();
  if constexpr (kVectors > 2) {
    if (vectors == 3) return tileOf<3>(rows, all);
  }
  return vectors == 2 ? tileOf<2>(rows, all) : tileOf<1>(rows, all);
}

// Places that share what is loaded.
constexpr int64_t kTogether = 7;

// T places that follow each other. What lies under them is loaded once for each row of the kernel.
template <int K, int S, int T>
void depthwise(const DepthwiseRow& row, int64_t place, float* y) {
  const int64_t channels = row.channels;
  for (int64_t channel = 0; channel < channels; channel += kLanes) {
    Vector sums[T];
    for (int t = 0; t < T; t++) sums[t] = load(row.bias + channel);
    for (int ky = 0; ky < K; ky++) {
      if (!row.rows[ky]) continue;
      const float* x = row.rows[ky] + place * S * channels + channel;
      Vector weights[K];
      for (int kx = 0; kx < K; kx++) weights[kx] = load(row.weights + (ky * K + kx) * channels + channel);
#pragma GCC unroll 32
      for (int column = 0; column < (T - 1) * S + K; column++, x += channels) {
        const Vector under = load(x);
#pragma GCC unroll 32
        for (int t = 0; t < T; t++) {
          const int kx = column - t * S;
          if (kx >= 0 && kx < K) sums[t] += weights[kx] * under;
        }
      }
    }
    float* to = y + place * channels + channel;
    for (int t = 0; t < T; t++) store(to + t * channels, activated(row.activation, sums[t]));
  }
}

using Depthwise = void (*)(const DepthwiseRow&, int64_t, float*);

template <int K, int S, int... T>
constexpr Depthwise depthwiseOf(int64_t places, std::integer_sequence<int, T...>) {
  constexpr Depthwise all[] = {depthwise<K, S, T + 1>...};
  return all[places - 1];
}

Depthwise depthwiseOf(int64_t kernel, int64_t stride, int64_t places) {
  constexpr auto all = std::make_integer_sequence<int, kTogether>();
  if (kernel == 3) return stride == 1 ? depthwiseOf<3, 1>(places, all) : depthwiseOf<3, 2>(places, all);
  return stride == 1 ? depthwiseOf<5, 1>(places, all) : depthwiseOf<5, 2>(places, all);
}

}  // namespace

int64_t wholeVectors(int64_t channels) { return (channels + kLanes - 1) / kLanes * kLanes; }

void multiplyPlaces(const Places& x, const Weights& weights, const Result& y) {
  const int64_t depth = x.runs * x.length;
  // Groups of about the same number of places.
  const int64_t groups = (x.count + kRows - 1) / kRows;
  for (int64_t column = 0; column < weights.columns; column += kPanel) {
    const int64_t width = std::min(kPanel, weights.columns - column), vectors = (width + kLanes - 1) / kLanes;
    float bias[kPanel] = {};
    std::copy_n(weights.bias + column, width, bias);
    for (int64_t group = 0; group < groups; group++) {
      const int64_t place = x.count * group / groups, count = x.count * (group + 1) / groups - place;
      tileOf(count, vectors)(x, x.data + place * x.stride, weights.packed + column * depth, bias, y,
                             y.data + place * y.stride + column,
                             y.residual ? y.residual + place * y.stride + column : nullptr, width);
    }
  }
}

void convolveRow(const DepthwiseRow& row, int64_t count, float* y) {
  const int64_t groups = (count + kTogether - 1) / kTogether;
  for (int64_t group = 0; group < groups; group++) {
    const int64_t place = count * group / groups, some = count * (group + 1) / groups - place;
    depthwiseOf(row.kernel, row.stride, some)(row, place, y);
  }
}

}  // namespace showtell
