// Vectors as wide as the processor's registers; compilers make of them what it has.
#pragma once

#include <cstdint>
#include <cstring>

namespace showtell {

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif

typedef float Vector __attribute__((vector_size(kBytes), aligned(4)));
constexpr int64_t kLanes = kBytes / sizeof(float);

inline Vector load(const float* from) {
  Vector vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}

inline void store(float* to, Vector vector) { std::memcpy(to, &vector, sizeof vector); }

inline float sumOf(Vector vector) {
  float sum = 0;
  for (int64_t i = 0; i < kLanes; i++) sum += vector[i];
  return sum;
}

inline float dotOf(const float* x, const float* y, int64_t count) {
  constexpr int kSums = 4;
  Vector sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums * kLanes <= count; i += kSums * kLanes) {
    for (int s = 0; s < kSums; s++) sums[s] += load(x + i + s * kLanes) * load(y + i + s * kLanes);
  }
  for (; i + kLanes <= count; i += kLanes) sums[0] += load(x + i) * load(y + i);
  float sum = sumOf((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; i < count; i++) sum += x[i] * y[i];
  return sum;
}

}  // namespace showtell
