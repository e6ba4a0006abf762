// The soft-attention decoder over all steps of a packed batch, forward and backward, but for the products that concern all
// words at once. Symbols as in src/models/decoders/soft-attention-sequence.ts; step t has `rows[t]` rows, which begin where
// the step before ended, and row b of a step is caption b. Rows that fill up are zero.

#include <algorithm>
#include <cstring>
#include <vector>

#include "attention.h"
#include "kernel.h"
#include "lstm.h"
#include "product.h"
#include "steps.h"

namespace showtell {
namespace {

enum Flag { kRounded };

// An output of rows of words, zero behind the last one.
float* rowsOfWords(TF_OpKernelContext* c, int index, int64_t total, int64_t words, int64_t width) {
  float* rows = output(c, index, {total, width});
  std::fill(rows + words * width, rows + total * width, 0.0f);
  return rows;
}

void forward(TF_OpKernelContext* c, Flags flags) {
  const Input wordGates(c, 0, "word_gates"), keys(c, 1, "keys"), features(c, 2, "features"), weight(c, 3, "weight"),
      joint(c, 4, "joint"), bias(c, 5, "bias"), contextRows(c, 6, "context_rows"), h0(c, 7, "h"), c0(c, 8, "c"),
      rows(c, 9, "rows");
  const Precision precision = flags[kRounded] ? Precision::kBfloat16 : Precision::kFloat32;
  const int64_t images = keys.expect({-1, -1, -1}).size(0), places = placesOf(keys), units = keys.size(2);
  const int64_t channels = features.expect({images, places, -1}).size(2);
  if (weight.count() != units) throw Invalid("weight has not one number for each unit");
  const int64_t hidden = h0.expect({images, -1}).size(1), gates = 4 * hidden, width = gates + units + channels;
  c0.expect({images, hidden});
  const int64_t total = wordGates.expect({-1, gates}).size(0);
  bias.expect({width});
  joint.expect({panelsOf(width), depthOf(precision, hidden), panelWidth()});
  contextRows.expect({panelsOf(gates), depthOf(precision, channels), panelWidth()});
  const Steps steps = stepsOf(rows, images, total);
  if (steps.rows.empty() || steps.rows[0] != images) throw Invalid("rows must begin with the number of images");

  const auto out = [&](int index, int64_t size) { return rowsOfWords(c, index, total, steps.words, size); };
  float *h = out(0, hidden), *before = out(1, hidden), *negativeQuery = out(2, units), *alpha = out(3, places),
        *context = out(4, channels), *beta = out(5, channels), *z = out(6, channels), *active = out(7, gates),
        *tanhCell = out(8, hidden), *cellBefore = out(9, hidden);
  std::vector<float> state(images * width), cell(c0.floats(), c0.floats() + images * hidden);
  const float *k = keys.floats(), *x = features.floats(), *own = bias.floats();
  const float* last = h0.floats();
  for (size_t t = 0; t < steps.rows.size(); t++) {
    const int64_t n = steps.rows[t], first = steps.begins[t];
    std::memcpy(before + first * hidden, last, n * hidden * sizeof(float));
    std::memcpy(cellBefore + first * hidden, cell.data(), n * hidden * sizeof(float));
    multiply(precision, {n, hidden, width}, {last, hidden}, {}, joint.floats(), {}, state.data(), width);
    parallel(n, 0.3 * places * units, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; b++) {
        const int64_t word = first + b;
        const float* in = state.data() + b * width;
        attendRow(in + gates, own + gates, k + b * places * units, x + b * places * channels, weight.floats(),
                  {places, units, channels}, negativeQuery + word * units, alpha + word * places,
                  context + word * channels, beta + word * channels, z + word * channels);
        const float* fromWord = wordGates.floats() + word * gates;
        float* sums = active + word * gates;
        for (int64_t i = 0; i < gates; i++) sums[i] = fromWord[i] + (in[i] + own[i]);
      }
    });
    multiply(precision, {n, channels, gates}, {z + first * channels, channels}, {}, contextRows.floats(), {true},
             active + first * gates, gates);
    last = h + first * hidden;
    parallel(n, 6.0 * hidden, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; b++) {
        const int64_t word = first + b;
        cellRow(active + word * gates, cellBefore + word * hidden, hidden, h + word * hidden, cell.data() + b * hidden,
                tanhCell + word * hidden);
      }
    });
  }
}

// From the last step to the first. dAlpha, which may have no rows, is the same in all steps.
void backward(TF_OpKernelContext* c, Flags flags) {
  const Input dHidden(c, 0, "d_hidden"), dAlpha(c, 1, "d_alpha"), keys(c, 2, "keys"), features(c, 3, "features"),
      weight(c, 4, "weight"), joint(c, 5, "joint"), contextRows(c, 6, "context_rows"), negativeQuery(c, 7, "negative_query"),
      alpha(c, 8, "alpha"), context(c, 9, "context"), beta(c, 10, "beta"), active(c, 11, "active"),
      tanhCell(c, 12, "tanh_cell"), cellBefore(c, 13, "cell_before"), rows(c, 14, "rows");
  const Precision precision = flags[kRounded] ? Precision::kBfloat16 : Precision::kFloat32;
  const int64_t images = keys.expect({-1, -1, -1}).size(0), places = placesOf(keys), units = keys.size(2);
  const int64_t channels = features.expect({images, places, -1}).size(2);
  if (weight.count() != units) throw Invalid("weight has not one number for each unit");
  const int64_t total = dHidden.expect({-1, -1}).size(0), hidden = dHidden.size(1);
  const int64_t gates = 4 * hidden, width = gates + units + channels;
  // Transposed, so that what they multiply are gradients.
  joint.expect({panelsOf(hidden), depthOf(precision, width), panelWidth()});
  contextRows.expect({panelsOf(channels), depthOf(precision, gates), panelWidth()});
  negativeQuery.expect({total, units});
  alpha.expect({total, places});
  context.expect({total, channels});
  beta.expect({total, channels});
  active.expect({total, gates});
  tanhCell.expect({total, hidden});
  cellBefore.expect({total, hidden});
  const bool more = dAlpha.expect({-1, places}).size(0) > 0;
  if (more) dAlpha.expect({images, places});
  const Steps steps = stepsOf(rows, images, total);
  if (steps.rows.empty() || steps.rows[0] != images) throw Invalid("rows must begin with the number of images");

  const auto out = [&](int index, int64_t size) { return rowsOfWords(c, index, total, steps.words, size); };
  float *dJoint = out(0, width), *dGates = out(1, gates), *R = out(2, units), *dContext = out(3, channels),
        *dScores = out(4, places);
  float *dh = output(c, 5, {images, hidden}), *dc = output(c, 6, {images, hidden});
  std::vector<float> dz(images * channels);
  const float *k = keys.floats(), *x = features.floats();
  int64_t later = 0;
  for (size_t t = steps.rows.size(); t-- > 0;) {
    const int64_t n = steps.rows[t], first = steps.begins[t];
    parallel(n, 2.0 * hidden, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; b++) {
        const int64_t word = first + b;
        const bool has = b < later;
        float* d = dGates + word * gates;
        cellGradientRow(dHidden.floats() + word * hidden, has ? dh + b * hidden : nullptr, has ? dc + b * hidden : nullptr,
                        active.floats() + word * gates, tanhCell.floats() + word * hidden,
                        cellBefore.floats() + word * hidden, hidden, d, dc + b * hidden);
        std::memcpy(dJoint + word * width, d, gates * sizeof(float));
      }
    });
    multiply(precision, {n, gates, channels}, {dGates + first * gates, gates}, {}, contextRows.floats(), {}, dz.data(),
             channels);
    parallel(n, 0.3 * places * units, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; b++) {
        const int64_t word = first + b;
        attendGradientRow({dz.data() + b * channels, more ? dAlpha.floats() + b * places : nullptr},
                          k + b * places * units, x + b * places * channels, weight.floats(), {places, units, channels},
                          {negativeQuery.floats() + word * units, alpha.floats() + word * places,
                           context.floats() + word * channels, beta.floats() + word * channels},
                          dJoint + word * width + gates, R + word * units, dContext + word * channels,
                          dScores + word * places);
      }
    });
    multiply(precision, {n, width, hidden}, {dJoint + first * width, width}, {}, joint.floats(), {}, dh, hidden);
    later = n;
  }
}

const Registration forwardOp(
    "ShowtellAttentionSequence",
    {"word_gates: float", "keys: float", "features: float", "weight: float", "joint: float", "bias: float",
     "context_rows: float", "h: float", "c: float", "rows: int32"},
    {"hidden: float", "before: float", "negative_query: float", "alpha: float", "context: float", "beta: float",
     "z: float", "active: float", "tanh_cell: float", "cell_before: float"},
    forward, {"rounded"});
const Registration backwardOp(
    "ShowtellAttentionSequenceGradient",
    {"d_hidden: float", "d_alpha: float", "keys: float", "features: float", "weight: float", "joint: float",
     "context_rows: float", "negative_query: float", "alpha: float", "context: float", "beta: float", "active: float",
     "tanh_cell: float", "cell_before: float", "rows: int32"},
    {"d_joint: float", "d_gates: float", "r: float", "d_context: float", "d_scores: float", "dh: float", "dc: float"},
    backward, {"rounded"});

}  // namespace
}  // namespace showtell
