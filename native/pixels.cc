// Pixels as encoders take them.

#include "kernel.h"

namespace showtell {
namespace {

// (byte / 255 - mean) / std with a rounding after each step. pixels: (rows, 3 width) bytes, mean and std: (3)
void normalize(TF_OpKernelContext* c) {
  const Input pixels(c, 0, "pixels"), mean(c, 1, "mean"), deviation(c, 2, "std");
  const int64_t rows = pixels.expect({-1, -1}).size(0), size = pixels.size(1);
  mean.expect({3}), deviation.expect({3});
  if (size % 3 != 0) throw Invalid("pixels have not three bytes each");
  float values[256][3];
  for (int byte = 0; byte < 256; byte++) {
    for (int channel = 0; channel < 3; channel++) {
      const float share = static_cast<float>(byte) / 255.0f;
      values[byte][channel] = (share - mean.floats()[channel]) / deviation.floats()[channel];
    }
  }
  const uint8_t* from = pixels.bytes();
  float* y = output(c, 0, {rows, size});
  parallel(rows, 0.5 * size, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * size; i < end * size; i += 3) {
      for (int channel = 0; channel < 3; channel++) y[i + channel] = values[from[i + channel]][channel];
    }
  });
}

const Registration normalizeOp("ShowtellNormalize", {"pixels: uint8", "mean: float", "std: float"}, {"y: float"}, normalize);

}  // namespace
}  // namespace showtell
