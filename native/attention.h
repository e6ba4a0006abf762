// The attention of one caption.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "activations.h"

namespace showtell {

struct SceneSize {
  int64_t places, units, channels;
};

// w . max(k, t)
inline float score(const float* key, const float* threshold, const float* weight, int64_t units) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t a = 0; a < units; a++) {
    sum += weight[a] * (key[a] > threshold[a] ? key[a] : threshold[a]);
  }
  return sum;
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
  std::memset(context, 0, channels * sizeof(float));
  for (int64_t p = 0; p < places; p++) {
    const float share = alpha[p];
    const float* feature = features + p * channels;
    for (int64_t i = 0; i < channels; i++) context[i] += share * feature[i];
  }
  for (int64_t i = 0; i < channels; i++) {
    beta[i] = sigmoid(in[units + i] + bias[units + i]);
    z[i] = beta[i] * context[i];
  }
}

}  // namespace showtell
