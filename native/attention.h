// The attention of one caption, forward and backward. Symbols as in src/models/decoders/additive-attention.ts.
#pragma once

#include <algorithm>
#include <cstdint>

#include "activations.h"
#include "kernel.h"
#include "vector.h"

namespace showtell {

// Of keys (captions, places, units).
inline int64_t placesOf(const Input& keys) {
  if (keys.size(1) == 0) throw Invalid("keys have no places");
  return keys.size(1);
}

struct SceneSize {
  int64_t places, units, channels;
};

// w . max(k, t)
inline float score(const float* key, const float* threshold, const float* weight, int64_t units) {
  constexpr int kSums = 4;
  Vector sums[kSums] = {};
  const auto add = [&](Vector& sum, int64_t a) {
    const Vector k = load(key + a), t = load(threshold + a);
    sum += load(weight + a) * (k <= t ? t : k);  // what is not a number stays
  };
  int64_t a = 0;
  for (; a + kSums * kLanes <= units; a += kSums * kLanes) {
    for (int s = 0; s < kSums; s++) add(sums[s], a + s * kLanes);
  }
  for (; a + kLanes <= units; a += kLanes) add(sums[0], a);
  float sum = sumOf((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; a < units; a++) sum += weight[a] * (key[a] <= threshold[a] ? threshold[a] : key[a]);
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

// Vectors of units whose sums stay in registers over all places.
constexpr int64_t kMasked = 4;

// sum over places of de [key > threshold], for V vectors of units.
template <int V>
inline void maskedSums(const float* key, int64_t units, int64_t places, const float* de, const float* threshold,
                       float* sums) {
  Vector sum[V], bound[V];
  for (int v = 0; v < V; v++) {
    sum[v] = Vector{};
    bound[v] = load(threshold + v * kLanes);
  }
  for (int64_t p = 0; p < places; p++, key += units) {
    const Vector d = Vector{} + de[p];
    for (int v = 0; v < V; v++) sum[v] += load(key + v * kLanes) > bound[v] ? d : Vector{};
  }
  for (int v = 0; v < V; v++) store(sums + v * kLanes, sum[v]);
}

// What `attendRow` gave, and what wants other values of z and alpha (which may be absent).
struct Seen {
  const float *negativeQuery, *alpha, *context, *beta;
};
struct Wanted {
  const float *z, *alpha;
};

// Backward of `attendRow`:
//   db = sigmoid backward(dz context),  dcontext = dz beta,  dalpha = dcontext X' + what else wants other weights,
//   de = alpha (dalpha - alpha . dalpha),  R = sum over places of de M;  `dIn` = [w R | db]
inline void attendGradientRow(Wanted wanted, const float* keys, const float* features, const float* weight, SceneSize size,
                              Seen seen, float* dIn, float* R, float* dContext, float* dScores) {
  const auto [places, units, channels] = size;
  float* db = dIn + units;
  for (int64_t i = 0; i < channels; i++) {
    const float gate = seen.beta[i];
    dContext[i] = wanted.z[i] * gate;
    db[i] = wanted.z[i] * seen.context[i] * gate * (1.0f - gate);
  }
  float shared = 0;
  for (int64_t p = 0; p < places; p++) {
    float dot = dotOf(dContext, features + p * channels, channels);
    if (wanted.alpha) dot += wanted.alpha[p];
    dScores[p] = dot;
    shared += seen.alpha[p] * dot;
  }
  for (int64_t p = 0; p < places; p++) dScores[p] = seen.alpha[p] * (dScores[p] - shared);
  const float* threshold = seen.negativeQuery;
  int64_t a = 0;
  for (; a + kMasked * kLanes <= units; a += kMasked * kLanes) {
    maskedSums<kMasked>(keys + a, units, places, dScores, threshold + a, R + a);
  }
  for (; a + kLanes <= units; a += kLanes) maskedSums<1>(keys + a, units, places, dScores, threshold + a, R + a);
  for (; a < units; a++) {
    R[a] = 0;
    for (int64_t p = 0; p < places; p++) R[a] += keys[p * units + a] > threshold[a] ? dScores[p] : 0.0f;
  }
  for (a = 0; a < units; a++) dIn[a] = weight[a] * R[a];
}

}  // namespace showtell
