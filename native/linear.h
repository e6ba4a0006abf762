// x W + b for a few rows of x.
#pragma once

#include <cstdint>

namespace showtell {

// A matrix in row-major order, of which every row may begin `stride` numbers after the one before.
struct Rows {
  const float* data;
  int64_t stride;
};

// y += x W for `rows` rows, columns 0..columns of y; y holds the biases before. On all threads.
void addProduct(Rows x, int64_t rows, int64_t inner, const float* weight, int64_t columns, float* y, int64_t yStride);

// Every row of y becomes `bias`.
void fillRows(const float* bias, int64_t rows, int64_t columns, float* y, int64_t yStride);

}  // namespace showtell
