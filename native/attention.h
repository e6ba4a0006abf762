// The attention of one caption.
#pragma once

#include <algorithm>
#include <cstdint>

#include "activations.h"
#include "vector.h"

namespace showtell {

struct SceneSize {
  int64_t places, units, channels;
};

// w . max(k, t)
inline float score(const float* key, const float* threshold, const float* weight, int64_t units) {
  constexpr int kSums = 4;
  Vector sums[kSums] = {};
  const auto add = [&](Vector& sum, int64_t a) {
    const Vector k = load(key + a), t = load(threshold + a);
    sum += load(weight + a) * (k > t ? k : t);
  };
  int64_t a = 0;
  for (; a + kSums * kLanes <= units; a += kSums * kLanes) {
    for (int s = 0; s < kSums; s++) add(sums[s], a + s * kLanes);
  }
  for (; a + kLanes <= units; a += kLanes) add(sums[0], a);
  float sum = sumOf((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; a < units; a++) sum += weight[a] * (key[a] > threshold[a] ? key[a] : threshold[a]);
  return sum;
}

// Mean of rows of x, weighted by alpha, for V vectors of channels.
template <int V>
inline void weightedSum(const float* x, int64_t stride, int64_t rows, const float* alpha, float* y) {
  Vector sums[V] = {};
  for (int64_t row = 0; row < rows; row++, x += stride) {
    for (int v = 0; v < V; v++) sums[v] += alpha[row] * load(x + v * kLanes);
  }
  for (int v = 0; v < V; v++) store(y + v * kLanes, sums[v]);
}

inline void softmax(float* values, int64_t count) {
  const float most = *std::max_element(values, values + count);
  float sum = 0;
  for (int64_t i = 0; i < count; i++) sum += values[i] = exponential(values[i] - most);
  for (int64_t i = 0; i < count; i++) values[i] /= sum;
}

// alpha = softmax(w . max(K, -q)),  context = alpha' X,  beta = sigmoid(b),  z = beta context
// `in` and `bias` hold [q | b], the query and the gate before their biases, and these.
inline void attendRow(const float* in, const float* bias, const float* keys, const float* features, const float* weight,
                      SceneSize size, float* negativeQuery, float* alpha, float* context, float* beta, float* z) {
  const auto [places, units, channels] = size;
  for (int64_t a = 0; a < units; a++) negativeQuery[a] = -(in[a] + bias[a]);
  for (int64_t p = 0; p < places; p++) alpha[p] = score(keys + p * units, negativeQuery, weight, units);
  softmax(alpha, places);
  int64_t c = 0;
  for (; c + 4 * kLanes <= channels; c += 4 * kLanes) weightedSum<4>(features + c, channels, places, alpha, context + c);
  for (; c + kLanes <= channels; c += kLanes) weightedSum<1>(features + c, channels, places, alpha, context + c);
  for (; c < channels; c++) {
    context[c] = 0;
    for (int64_t p = 0; p < places; p++) context[c] += alpha[p] * features[p * channels + c];
  }
  for (int64_t i = 0; i < channels; i++) {
    beta[i] = sigmoid(in[units + i] + bias[units + i]);
    z[i] = beta[i] * context[i];
  }
}

}  // namespace showtell
