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

// The way back, from gradients of h by way of the step's own output and, where there is a next step, of h and the cell by way
// of that. `dBefore` may be `dCellLater`.
inline void cellGradientRow(const float* dOwn, const float* dLater, const float* dCellLater, const float* gates,
                            const float* tanhCell, const float* before, int64_t units, float* dGates, float* dBefore) {
  const float *in = gates, *forget = gates + units, *out = gates + 2 * units, *g = gates + 3 * units;
  const auto one = [&](int64_t i, float dh, float dcLater) {
    const float dc = dh * out[i] * (1.0f - tanhCell[i] * tanhCell[i]) + dcLater;
    dGates[i] = dc * g[i] * in[i] * (1.0f - in[i]);
    dGates[units + i] = dc * before[i] * forget[i] * (1.0f - forget[i]);
    dGates[2 * units + i] = dh * tanhCell[i] * out[i] * (1.0f - out[i]);
    dGates[3 * units + i] = dc * in[i] * (1.0f - g[i] * g[i]);
    dBefore[i] = dc * forget[i];
  };
  if (dLater) {
#pragma omp simd
    for (int64_t i = 0; i < units; i++) one(i, dOwn[i] + dLater[i], dCellLater[i]);
  } else {
#pragma omp simd
    for (int64_t i = 0; i < units; i++) one(i, dOwn[i], 0.0f);
  }
}

}  // namespace showtell
