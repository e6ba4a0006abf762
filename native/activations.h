// exp, sigmoid and tanh of float32 in plain arithmetic, so that compilers make vectors of loops over them.
#pragma once

#include <cstdint>
#include <cstring>

namespace showtell {

// e^x by 2^n e^r, |r| <= ln 2 / 2, with the polynomial of Cephes (expf.c, S. Moshier): within 2 units in the last place. Beyond
// what float32 holds the result is its smallest or largest number.
inline float exponential(float x) {
  x = x < -87.3f ? -87.3f : x > 88.3f ? 88.3f : x;
  const float n = __builtin_rintf(x * 1.44269504088896341f);
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

inline float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

inline float hyperbolicTangent(float x) { return 2.0f * sigmoid(2.0f * x) - 1.0f; }

}  // namespace showtell
