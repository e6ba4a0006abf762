// A bias for each channel and an activation behind it, in one pass over what a convolution gave.

#include <algorithm>

#include "kernel.h"

namespace showtell {
namespace {

float none(float x) { return x; }
float relu(float x) { return x > 0.0f ? x : 0.0f; }
float relu6(float x) { return std::min(std::max(x, 0.0f), 6.0f); }
float hardSigmoid(float x) { return relu6(x + 3.0f) * (1.0f / 6.0f); }
float hardSwish(float x) { return x * hardSigmoid(x); }

template <float (*Activation)(float)>
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
      for (int64_t i = 0; i < channels; i++) out[i] = Activation(in[i] + b[i]);
    }
  });
}

const Registration noneOp("ShowtellBias", {"x: float", "bias: float"}, {"y: float"}, biased<none>);
const Registration reluOp("ShowtellBiasRelu", {"x: float", "bias: float"}, {"y: float"}, biased<relu>);
const Registration relu6Op("ShowtellBiasRelu6", {"x: float", "bias: float"}, {"y: float"}, biased<relu6>);
const Registration sigmoidOp("ShowtellBiasHardSigmoid", {"x: float", "bias: float"}, {"y: float"}, biased<hardSigmoid>);
const Registration swishOp("ShowtellBiasHardSwish", {"x: float", "bias: float"}, {"y: float"}, biased<hardSwish>);

}  // namespace
}  // namespace showtell
