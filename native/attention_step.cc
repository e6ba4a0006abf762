// A whole step of the soft-attention decoder for a few captions, in one operation: while decoding, the calls of a dozen
// operations cost more than their arithmetic.

#include <algorithm>
#include <cstring>
#include <vector>

#include "attention.h"
#include "kernel.h"
#include "lstm.h"
#include "product.h"

namespace showtell {
namespace {

// `joint` is [weight_hh | decoder_attn | f_beta] side by side; it and two other matrices come packed (product.h).
void attentionStep(TF_OpKernelContext* c, Flags flags) {
  const Precision precision = flags[0] ? Precision::kBfloat16 : Precision::kFloat32;
  const Input h(c, 0, "h"), cell(c, 1, "c"), words(c, 2, "words"), keys(c, 3, "keys"), features(c, 4, "features"),
      embedding(c, 5, "embed.weight"), joint(c, 6, "joint"), jointBias(c, 7, "joint_bias"),
      inputWeight(c, 8, "weight_ih"), scoreWeight(c, 9, "full_attn.weight"), wordWeight(c, 10, "fc.weight"),
      wordBias(c, 11, "fc.bias");
  const int64_t rows = h.expect({-1, -1}).size(0), hidden = h.size(1);
  cell.expect({rows, hidden});
  words.expect({rows});
  const int64_t images = keys.expect({-1, -1, -1}).size(0), places = placesOf(keys), units = keys.size(2);
  features.expect({images, places, -1});
  const int64_t channels = features.size(2);
  if (images == 0 || rows % images != 0) throw Invalid("h has not the same number of rows for each image");
  const int64_t known = embedding.expect({-1, -1}).size(0), size = embedding.size(1);
  const int64_t gates = 4 * hidden, width = gates + units + channels;
  const auto expectPacked = [&](const Input& weight, int64_t inner, int64_t columns) {
    weight.expect({panelsOf(columns), depthOf(precision, inner), panelWidth()});
  };
  expectPacked(joint, hidden, width);
  jointBias.expect({width});
  expectPacked(inputWeight, size + channels, gates);
  if (scoreWeight.count() != units) throw Invalid("full_attn.weight has not one number for each unit");
  const int64_t vocabulary = wordBias.expect({-1}).size(0);
  expectPacked(wordWeight, hidden, vocabulary);
  for (int64_t row = 0; row < rows; row++) {
    const int32_t word = words.integers()[row];
    if (word < 0 || word >= known) throw Invalid("words holds " + std::to_string(word) + ", which is no word");
  }

  float* next = output(c, 0, {rows, hidden});
  float* nextCell = output(c, 1, {rows, hidden});
  float* logits = output(c, 2, {rows, vocabulary});
  float* alpha = output(c, 3, {rows, places});

  // [gates | query | gate] before what follows is added
  std::vector<float> sums(rows * width), input(rows * (size + channels));
  for (int64_t row = 0; row < rows; row++) {
    float* own = sums.data() + row * width;
    std::copy_n(jointBias.floats(), gates, own);
    std::fill(own + gates, own + width, 0.0f);
  }
  // y += x W
  const auto add = [&](const float* x, int64_t inner, const Input& weight, int64_t columns, float* y) {
    multiply(precision, {rows, inner, columns}, {x, inner}, {}, weight.floats(), {true}, y, width);
  };
  add(h.floats(), hidden, joint, width, sums.data());

  const int64_t each = rows / images;
  parallel(rows, 0.3 * places * units, [&](int64_t begin, int64_t end) {
    std::vector<float> negativeQuery(units), context(channels), beta(channels);
    for (int64_t row = begin; row < end; row++) {
      float* in = input.data() + row * (size + channels);
      std::memcpy(in, embedding.floats() + words.integers()[row] * size, size * sizeof(float));
      const int64_t image = row / each;
      attendRow(sums.data() + row * width + gates, jointBias.floats() + gates, keys.floats() + image * places * units,
                features.floats() + image * places * channels, scoreWeight.floats(), {places, units, channels},
                negativeQuery.data(), alpha + row * places, context.data(), beta.data(), in + size);
    }
  });
  add(input.data(), size + channels, inputWeight, gates, sums.data());
  parallel(rows, 6.0 * hidden, [&](int64_t begin, int64_t end) {
    std::vector<float> tanhCell(hidden);
    for (int64_t row = begin; row < end; row++) {
      cellRow(sums.data() + row * width, cell.floats() + row * hidden, hidden, next + row * hidden,
              nextCell + row * hidden, tanhCell.data());
    }
  });
  multiply(precision, {rows, hidden, vocabulary}, {next, hidden}, {}, wordWeight.floats(), {false, wordBias.floats()},
           logits, vocabulary);
}

const Registration attentionStepOp(
    "ShowtellAttentionStep",
    {"h: float", "c: float", "words: int32", "keys: float", "features: float", "embed: float", "joint: float",
     "joint_bias: float", "weight_ih: float", "score_weight: float", "word_weight: float", "word_bias: float"},
    {"h_next: float", "c_next: float", "logits: float", "alpha: float"}, attentionStep, {"rounded"});

}  // namespace
}  // namespace showtell
