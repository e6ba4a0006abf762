// A bias for each channel and an activation behind it, in one pass over what a convolution gave.

#include "kernel.h"
#include "piecewise.h"

namespace showtell {
namespace {

template <Activation A>
void biased(TF_OpKernelContext* c) {
  const Input x(c, 0, "x"), bias(c, 1, "bias");
  const int64_t channels = bias.expect({-1}).size(0);
  if (x.rank() != 4 || x.size(3) != channels) throw Invalid("bias has not one number for each channel of x");
  float* y = output(c, 0, {x.size(0), x.size(1), x.size(2), channels});
  const float *from = x.floats(), *b = bias.floats();
  const int64_t places = channels == 0 ? 0 : x.count() / channels;
  parallel(places, 0.15 * channels, [&](int64_t begin, int64_t end) {
    for (int64_t place = begin; place < end; place++) {
      const float* in = from + place * channels;
      float* out = y + place * channels;
      for (int64_t i = 0; i < channels; i++) out[i] = activated(A, in[i] + b[i]);
    }
  });
}

using Both = std::initializer_list<const char*>;
const Both inputs = {"x: float", "bias: float"}, outputs = {"y: float"};
const Registration noneOp("ShowtellBias", inputs, outputs, biased<Activation::kNone>);
const Registration reluOp("ShowtellBiasRelu", inputs, outputs, biased<Activation::kRelu>);
const Registration relu6Op("ShowtellBiasRelu6", inputs, outputs, biased<Activation::kRelu6>);
const Registration sigmoidOp("ShowtellBiasHardSigmoid", inputs, outputs, biased<Activation::kHardSigmoid>);
const Registration swishOp("ShowtellBiasHardSwish", inputs, outputs, biased<Activation::kHardSwish>);

}  // namespace
}  // namespace showtell
