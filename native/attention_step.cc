// A whole step of the soft-attention decoder for a few captions, in one operation: while decoding, the calls of a dozen
// operations cost more than their arithmetic.

#include <cstring>
#include <vector>

#include "attention.h"
#include "kernel.h"
#include "linear.h"
#include "lstm.h"

namespace showtell {
namespace {

void attentionStep(TF_OpKernelContext* c) {
  const Input h(c, 0, "h"), cell(c, 1, "c"), words(c, 2, "words"), keys(c, 3, "keys"), features(c, 4, "features"),
      embedding(c, 5, "embed.weight"), inputWeight(c, 6, "weight_ih"), inputBias(c, 7, "bias_ih"),
      stateWeight(c, 8, "weight_hh"), stateBias(c, 9, "bias_hh"), queryWeight(c, 10, "decoder_attn.weight"),
      queryBias(c, 11, "decoder_attn.bias"), gateWeight(c, 12, "f_beta.weight"), gateBias(c, 13, "f_beta.bias"),
      scoreWeight(c, 14, "full_attn.weight"), wordWeight(c, 15, "fc.weight"), wordBias(c, 16, "fc.bias");
  const int64_t rows = h.expect({-1, -1}).size(0), hidden = h.size(1);
  cell.expect({rows, hidden});
  words.expect({rows});
  const int64_t images = keys.expect({-1, -1, -1}).size(0), places = keys.size(1), units = keys.size(2);
  features.expect({images, places, -1});
  const int64_t channels = features.size(2);
  if (images == 0 || rows % images != 0) throw Invalid("h has not the same number of rows for each image");
  const int64_t known = embedding.expect({-1, -1}).size(0), size = embedding.size(1);
  inputWeight.expect({size + channels, 4 * hidden});
  inputBias.expect({4 * hidden});
  stateWeight.expect({hidden, 4 * hidden});
  stateBias.expect({4 * hidden});
  queryWeight.expect({hidden, units});
  queryBias.expect({units});
  gateWeight.expect({hidden, channels});
  gateBias.expect({channels});
  if (scoreWeight.count() != units) throw Invalid("full_attn.weight has not one number for each unit");
  const int64_t vocabulary = wordWeight.expect({hidden, -1}).size(1);
  wordBias.expect({vocabulary});
  for (int64_t row = 0; row < rows; row++) {
    const int32_t word = words.integers()[row];
    if (word < 0 || word >= known) throw Invalid("words holds " + std::to_string(word) + ", which is no word");
  }

  float* next = output(c, 0, {rows, hidden});
  float* nextCell = output(c, 1, {rows, hidden});
  float* logits = output(c, 2, {rows, vocabulary});
  float* alpha = output(c, 3, {rows, places});

  const int64_t looked = units + channels;
  std::vector<float> gates(rows * 4 * hidden), look(rows * looked), input(rows * (size + channels));
  const Rows state{h.floats(), hidden};
  for (int64_t row = 0; row < rows; row++) {
    float* own = gates.data() + row * 4 * hidden;
    for (int64_t i = 0; i < 4 * hidden; i++) own[i] = inputBias.floats()[i] + stateBias.floats()[i];
  }
  addProduct(state, rows, hidden, stateWeight.floats(), 4 * hidden, gates.data(), 4 * hidden);
  std::memset(look.data(), 0, look.size() * sizeof(float));
  addProduct(state, rows, hidden, queryWeight.floats(), units, look.data(), looked);
  addProduct(state, rows, hidden, gateWeight.floats(), channels, look.data() + units, looked);

  std::vector<float> bias(queryBias.floats(), queryBias.floats() + units);
  bias.insert(bias.end(), gateBias.floats(), gateBias.floats() + channels);
  const int64_t each = rows / images;
  parallel(rows, 0.3 * places * units, [&](int64_t begin, int64_t end) {
    std::vector<float> negativeQuery(units), context(channels), beta(channels);
    for (int64_t row = begin; row < end; row++) {
      float* in = input.data() + row * (size + channels);
      std::memcpy(in, embedding.floats() + words.integers()[row] * size, size * sizeof(float));
      const int64_t image = row / each;
      attendRow(look.data() + row * looked, bias.data(), keys.floats() + image * places * units,
                features.floats() + image * places * channels, scoreWeight.floats(), {places, units, channels},
                negativeQuery.data(), alpha + row * places, context.data(), beta.data(), in + size);
    }
  });
  addProduct({input.data(), size + channels}, rows, size + channels, inputWeight.floats(), 4 * hidden, gates.data(),
             4 * hidden);
  parallel(rows, 6.0 * hidden, [&](int64_t begin, int64_t end) {
    std::vector<float> tanhCell(hidden);
    for (int64_t row = begin; row < end; row++) {
      cellRow(gates.data() + row * 4 * hidden, cell.floats() + row * hidden, hidden, next + row * hidden,
              nextCell + row * hidden, tanhCell.data());
    }
  });
  fillRows(wordBias.floats(), rows, vocabulary, logits, vocabulary);
  addProduct({next, hidden}, rows, hidden, wordWeight.floats(), vocabulary, logits, vocabulary);
}

const Registration attentionStepOp(
    "ShowtellAttentionStep",
    {"h: float", "c: float", "words: int32", "keys: float", "features: float", "embed: float", "weight_ih: float",
     "bias_ih: float", "weight_hh: float", "bias_hh: float", "query_weight: float", "query_bias: float",
     "gate_weight: float", "gate_bias: float", "score_weight: float", "word_weight: float", "word_bias: float"},
    {"h_next: float", "c_next: float", "logits: float", "alpha: float"}, attentionStep);

}  // namespace
}  // namespace showtell
