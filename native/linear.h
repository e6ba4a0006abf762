// x W + b, where x has anything from one row to some hundreds.
#pragma once

#include <cstdint>

namespace showtell {

// A matrix in row-major order, of which every row may begin `stride` numbers after the one before.
struct Rows {
  const float* data;
  int64_t stride;
};

// W, (inner, columns): as TensorFlow has it, or laid out by `pack` (linear.cc says how).
struct Weight {
  const float* data;
  int64_t inner, columns;
  bool packed;
};

// Numbers in a row of a packed panel, and how many panels W makes.
int64_t panelWidth();
int64_t panelsOf(int64_t columns);

// y += x W for `rows` rows; y holds the biases before. On all threads.
void addProduct(Rows x, int64_t rows, Weight weight, float* y, int64_t yStride);

// Every row of y becomes `bias`.
void fillRows(const float* bias, int64_t rows, int64_t columns, float* y, int64_t yStride);

}  // namespace showtell
