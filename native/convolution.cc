// Convolutions with frozen weights, their bias and their activation, padded by (kernel - 1) / 2 on every side as PyTorch's.

#include <algorithm>
#include <vector>

#include "convolve.h"
#include "kernel.h"
#include "product.h"

namespace showtell {
namespace {

enum ConvolutionFlag { kHalved };

// Places that are multiplied at once where rows need no borders.
constexpr int64_t kAtOnce = 64;
constexpr double kCost = 0.02;  // nanoseconds of a multiplication and addition

int64_t sideOf(int64_t depth, int64_t channels) {
  if (channels == 0) throw Invalid("x has no channels");
  for (int64_t side = 1; side * side * channels <= depth; side += 2) {
    if (side * side * channels == depth) return side;
  }
  throw Invalid("packed is not that of a convolution of x");
}

// x: (B, H, W, C), packed: the kernel (K K C, O), bias: (O).
// With `halved` every second row and column of the result.
template <Activation A>
void convolution(TF_OpKernelContext* c, Flags flags) {
  const Input x(c, 0, "x"), packed(c, 1, "packed"), bias(c, 2, "bias");
  const int64_t images = x.expect({-1, -1, -1, -1}).size(0), height = x.size(1), width = x.size(2), channels = x.size(3);
  const int64_t columns = bias.expect({-1}).size(0);
  const int64_t depth = packed.expect({panelsOf(columns), -1, panelWidth()}).size(1);
  const int64_t side = sideOf(depth, channels), border = (side - 1) / 2, stride = flags[kHalved] ? 2 : 1;
  const int64_t rows = (height + stride - 1) / stride, places = (width + stride - 1) / stride;
  float* y = output(c, 0, {images, rows, places, columns});
  const Weights weights{packed.floats(), bias.floats(), columns};
  const auto resultAt = [&](int64_t place) {
    const int64_t at = place * columns;
    return Result{y + at, columns, nullptr, A, false};
  };
  if (side == 1 && stride == 1) {
    const int64_t all = images * rows * places;
    parallel((all + kAtOnce - 1) / kAtOnce, kCost * kAtOnce * depth * columns, [&](int64_t begin, int64_t end) {
      for (int64_t place = begin * kAtOnce; place < std::min(all, end * kAtOnce); place += kAtOnce) {
        const int64_t count = std::min(kAtOnce, all - place);
        multiplyPlaces({x.floats() + place * channels, count, channels, 1, channels, 0}, weights, resultAt(place));
      }
    });
    return;
  }
  const int64_t wide = (width + 2 * border) * channels;
  parallel(images * rows, kCost * places * depth * columns, [&](int64_t begin, int64_t end) {
    static thread_local std::vector<float> memory;
    memory.assign(side * wide, 0.0f);
    for (int64_t row = begin; row < end; row++) {
      const int64_t image = row / rows, top = row % rows * stride - border;
      for (int64_t i = 0; i < side; i++) {
        float* to = memory.data() + i * wide + border * channels;
        const bool there = top + i >= 0 && top + i < height;
        if (there) std::copy_n(x.floats() + (image * height + top + i) * width * channels, width * channels, to);
        else std::fill_n(to, width * channels, 0.0f);
      }
      multiplyPlaces({memory.data(), places, stride * channels, side, side * channels, wide}, weights,
                     resultAt(row * places));
    }
  });
}

#define SHOWTELL_CONVOLUTION(NAME, ACTIVATION)                                                                        \
  const Registration op##ACTIVATION("ShowtellConvolution" NAME,                                                       \
                                    {"x: float", "packed: float", "bias: float"}, {"y: float"},                       \
                                    convolution<Activation::ACTIVATION>, {"halved"});
SHOWTELL_CONVOLUTION("", kNone)
SHOWTELL_CONVOLUTION("Relu", kRelu)
SHOWTELL_CONVOLUTION("Relu6", kRelu6)
SHOWTELL_CONVOLUTION("HardSigmoid", kHardSigmoid)
SHOWTELL_CONVOLUTION("HardSwish", kHardSwish)

}  // namespace
}  // namespace showtell
