// One step of an LSTM after its matrix products, forward and backward. Gates lie side by side as i, f, o, g; symbols as in
// src/models/decoders/lstm-cell.ts.

#include "kernel.h"
#include "lstm.h"

namespace showtell {
namespace {

// The gates are a + b + c + bias, of which only a must have as many columns as there are gates: of b and the bias the
// first ones count, and c may be absent (0 rows).
void cell(TF_OpKernelContext* context) {
  const Input a(context, 0, "a"), b(context, 1, "b"), c(context, 2, "c"), bias(context, 3, "bias"),
      before(context, 4, "before");
  const int64_t rows = before.expect({-1, -1}).size(0), units = before.size(1);
  a.expect({rows, 4 * units});
  const int64_t width = b.expect({rows, -1}).size(1);
  if (width < 4 * units) throw Invalid("b has fewer columns than there are gates");
  const bool three = c.expect({-1, 4 * units}).size(0) > 0;
  if (three) c.expect({rows, 4 * units});
  if (bias.expect({-1}).size(0) < 4 * units) throw Invalid("bias has fewer numbers than there are gates");

  float* h = output(context, 0, {rows, units});
  float* cell = output(context, 1, {rows, units});
  float* active = output(context, 2, {rows, 4 * units});
  float* tanhCell = output(context, 3, {rows, units});
  const float* own = bias.floats();
  parallel(rows, 3.0 * units, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const float *x = a.floats() + row * 4 * units, *y = b.floats() + row * width;
      const float* z = three ? c.floats() + row * 4 * units : nullptr;
      float* act = active + row * 4 * units;
      if (z) {
        for (int64_t i = 0; i < 4 * units; i++) act[i] = x[i] + (y[i] + own[i]) + z[i];
      } else {
        for (int64_t i = 0; i < 4 * units; i++) act[i] = x[i] + (y[i] + own[i]);
      }
      cellRow(act, before.floats() + row * units, units, h + row * units, cell + row * units, tanhCell + row * units);
    }
  });
}

// dh is the sum of what comes from the step's own output and from the next step; the next step may have fewer rows.
void cellGradient(TF_OpKernelContext* context) {
  const Input own(context, 0, "dh"), later(context, 1, "dh_later"), laterCell(context, 2, "dc_later"),
      activation(context, 3, "active"), tanhCell(context, 4, "tanh_cell"), before(context, 5, "before");
  const int64_t rows = before.expect({-1, -1}).size(0), units = before.size(1);
  own.expect({rows, units});
  activation.expect({rows, 4 * units});
  tanhCell.expect({rows, units});
  const int64_t known = later.expect({-1, units}).size(0);
  laterCell.expect({known, units});
  if (known > rows) throw Invalid("the next step has more rows than this one");

  float* dGates = output(context, 0, {rows, 4 * units});
  float* dBefore = output(context, 1, {rows, units});
  parallel(rows, 2.0 * units, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const bool has = row < known;
      cellGradientRow(own.floats() + row * units, has ? later.floats() + row * units : nullptr,
                      has ? laterCell.floats() + row * units : nullptr, activation.floats() + row * 4 * units,
                      tanhCell.floats() + row * units, before.floats() + row * units, units, dGates + row * 4 * units,
                      dBefore + row * units);
    }
  });
}

const Registration cellOp("ShowtellCell", {"a: float", "b: float", "c: float", "bias: float", "before: float"},
                          {"h: float", "cell: float", "active: float", "tanh_cell: float"}, cell);
const Registration cellGradientOp("ShowtellCellGradient",
                                  {"dh: float", "dh_later: float", "dc_later: float", "active: float",
                                   "tanh_cell: float", "before: float"},
                                  {"d_gates: float", "d_before: float"}, cellGradient);

}  // namespace
}  // namespace showtell
