// What decoding asks of a row of logits.

#include <algorithm>
#include <cmath>

#include "activations.h"
#include "kernel.h"

namespace showtell {
namespace {

// log of the sum of exp, of each row.
void logSumExp(TF_OpKernelContext* c) {
  const Input x(c, 0, "x");
  const int64_t rows = x.expect({-1, -1}).size(0), columns = x.size(1);
  if (columns == 0) throw Invalid("x has no columns");
  float* y = output(c, 0, {rows});
  parallel(rows, 1.0 * columns, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const float* values = x.floats() + row * columns;
      float most = values[0];
#pragma omp simd reduction(max : most)
      for (int64_t i = 0; i < columns; i++) most = values[i] > most ? values[i] : most;
      if (!std::isfinite(most)) {
        y[row] = most;
        continue;
      }
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t i = 0; i < columns; i++) sum += exponential(values[i] - most);
      y[row] = most + std::log(sum);
    }
  });
}

const Registration logSumExpOp("ShowtellLogSumExp", {"x: float"}, {"y: float"}, logSumExp);

}  // namespace
}  // namespace showtell
