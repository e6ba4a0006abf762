// The LSTM cell of one caption.
#pragma once

#include <cstdint>

#include "activations.h"

namespace showtell {

// `gates`, i f o g before their sigmoids and tanh, become what these give; h, the new cell state and its tanh come out.
inline void cellRow(float* gates, const float* before, int64_t units, float* h, float* cell, float* tanhCell) {
  for (int64_t i = 0; i < 3 * units; i++) gates[i] = sigmoid(gates[i]);
  for (int64_t i = 3 * units; i < 4 * units; i++) gates[i] = hyperbolicTangent(gates[i]);
  const float *in = gates, *forget = gates + units, *out = gates + 2 * units, *g = gates + 3 * units;
  for (int64_t i = 0; i < units; i++) {
    cell[i] = forget[i] * before[i] + in[i] * g[i];
    tanhCell[i] = hyperbolicTangent(cell[i]);
    h[i] = out[i] * tanhCell[i];
  }
}

}  // namespace showtell
