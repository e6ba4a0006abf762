// A step of Adam in one pass over memory; symbols as in src/train/optimizers/adam-moments.ts.

#include <cmath>

#include "kernel.h"

namespace showtell {
namespace {

// The moments m and v change in place: they must be nobody else's. `numbers`: beta1, beta2, size, epsilon, what the variable is
// multiplied by first, and the share of it that counts as gradient.
void adam(TF_OpKernelContext* c) {
  const Input variable(c, 0, "variable"), m(c, 1, "m"), v(c, 2, "v"), gradient(c, 3, "gradient"), scale(c, 4, "scale"),
      numbers(c, 5, "numbers");
  const int64_t count = variable.count();
  for (const Input* input : {&m, &v, &gradient}) {
    if (input->count() != count) throw Invalid("variable, moments and gradient are not of the same size");
  }
  if (scale.count() != 1) throw Invalid("scale is not one number");
  const float* given = numbers.expect({6}).floats();
  const float beta1 = given[0], beta2 = given[1], size = given[2], epsilon = given[3], keep = given[4], decay = given[5];
  const float rest1 = 1.0f - beta1, rest2 = 1.0f - beta2, factor = scale.floats()[0];
  float* next = output(c, 0, {count});
  const float *x = variable.floats(), *g = gradient.floats();
  auto *first = const_cast<float*>(m.floats()), *second = const_cast<float*>(v.floats());
  constexpr int64_t kBlock = 4096;
  parallel((count + kBlock - 1) / kBlock, 0.4 * kBlock, [&](int64_t begin, int64_t end) {
    const int64_t last = end * kBlock < count ? end * kBlock : count;
#pragma omp simd
    for (int64_t i = begin * kBlock; i < last; i++) {
      const float own = g[i] * factor + decay * x[i];
      first[i] += (own - first[i]) * rest1;
      second[i] += (own * own - second[i]) * rest2;
      next[i] = x[i] * keep - size * first[i] / (std::sqrt(second[i]) + epsilon);
    }
  });
}

const Registration adamOp("ShowtellAdam",
                          {"variable: float", "m: float", "v: float", "gradient: float", "scale: float", "numbers: float"},
                          {"next: float"}, adam);

}  // namespace
}  // namespace showtell
