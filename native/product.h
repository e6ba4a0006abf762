// Products of matrices: x y, (rows, inner) (inner, columns) -> (rows, columns), with sums in float32.
#pragma once

#include <cstdint>

namespace showtell {

// bfloat16: both factors are rounded to it first.
enum class Precision { kFloat32, kBfloat16 };

// A factor, row-major; a row begins `stride` numbers after the one before. Transposed: what lies there is its transpose.
struct Factor {
  const float* data = nullptr;
  int64_t stride = 0;
  bool transposed = false;
};

struct ProductSize {
  int64_t rows, inner, columns;
};

// What a right factor is packed as: (panels, depth, panel width), for one precision. Products with the same factor again and
// again then read it from front to back, and do not round or transpose it again.
int64_t panelsOf(int64_t columns);
int64_t depthOf(Precision precision, int64_t inner);
int64_t panelWidth();
void pack(Precision precision, Factor y, int64_t inner, int64_t columns, float* packed);

// What the sums begin with.
struct Begin {
  bool result = false;          // what lies in the result,
  const float* bias = nullptr;  // or a number of each column, or zero
};

// `packed` takes the place of y where it is given. On all threads; a number of the result does not depend on how many
// rows there are beside it.
void multiply(Precision precision, ProductSize size, Factor x, Factor y, const float* packed, Begin begin, float* result,
              int64_t stride);

}  // namespace showtell
