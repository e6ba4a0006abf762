// Operations that are matrix products (product.h).

#include "kernel.h"
#include "product.h"

namespace showtell {
namespace {

enum PackFlag { kTransposed, kPackRounded };
enum ProductFlag { kTransposeX, kTransposeY, kRounded };

Precision precisionOf(bool rounded) { return rounded ? Precision::kBfloat16 : Precision::kFloat32; }

// x y + bias; without numbers there is no bias, or y comes not packed.
void product(TF_OpKernelContext* c, Flags flags) {
  const Input x(c, 0, "x"), y(c, 1, "y"), packed(c, 2, "packed"), bias(c, 3, "bias");
  const Precision precision = precisionOf(flags[kRounded]);
  const bool turnX = flags[kTransposeX], turnY = flags[kTransposeY];
  const int64_t rows = x.expect({-1, -1}).size(turnX ? 1 : 0), inner = x.size(turnX ? 0 : 1);
  const int64_t columns = (turnY ? y.expect({-1, inner}) : y.expect({inner, -1})).size(turnY ? 0 : 1);
  if (bias.count() > 0) bias.expect({columns});
  if (packed.count() > 0) packed.expect({panelsOf(columns), depthOf(precision, inner), panelWidth()});
  float* result = output(c, 0, {rows, columns});
  multiply(precision, {rows, inner, columns}, {x.floats(), x.size(1), turnX}, {y.floats(), y.size(1), turnY},
           packed.count() > 0 ? packed.floats() : nullptr, {false, bias.count() > 0 ? bias.floats() : nullptr}, result,
           columns);
}

// A right factor as products with it read it.
void packed(TF_OpKernelContext* c, Flags flags) {
  const Input y(c, 0, "y");
  const Precision precision = precisionOf(flags[kPackRounded]);
  const bool turned = flags[kTransposed];
  const int64_t inner = y.expect({-1, -1}).size(turned ? 1 : 0), columns = y.size(turned ? 0 : 1);
  float* to = output(c, 0, {panelsOf(columns), depthOf(precision, inner), panelWidth()});
  pack(precision, {y.floats(), y.size(1), turned}, inner, columns, to);
}

const Registration productOp("ShowtellProduct", {"x: float", "y: float", "packed: float", "bias: float"},
                             {"product: float"}, product, {"transpose_x", "transpose_y", "rounded"});
const Registration packOp("ShowtellPack", {"y: float"}, {"packed: float"}, packed, {"transpose", "rounded"});

}  // namespace
}  // namespace showtell
