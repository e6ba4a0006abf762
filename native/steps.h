// The steps of a packed batch: step t has `rows[t]` rows, which begin where the step before ended; row b of a step is caption b.
#pragma once

#include <cstdint>
#include <vector>

#include "kernel.h"

namespace showtell {

struct Steps {
  std::vector<int64_t> rows, begins;
  int64_t words = 0;
};

inline Steps stepsOf(const Input& rows, int64_t images, int64_t total) {
  Steps steps;
  for (int64_t t = 0; t < rows.expect({-1}).size(0); t++) {
    const int64_t n = rows.integers()[t];
    if (n < 1 || n > images || (t > 0 && n > steps.rows.back())) {
      throw Invalid("rows must fall from step to step, and be within 1 and the number of images");
    }
    steps.rows.push_back(n);
    steps.begins.push_back(steps.words);
    steps.words += n;
  }
  if (steps.words > total) throw Invalid("rows add up to more than there are words");
  return steps;
}

}  // namespace showtell
