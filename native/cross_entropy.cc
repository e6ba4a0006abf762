// Cross-entropy of words behind their projection onto the vocabulary, with its gradient. The logits exist only where their
// gradient will lie.

#include <algorithm>
#include <cmath>

#include "activations.h"
#include "kernel.h"
#include "product.h"

namespace showtell {
namespace {

enum Flag { kRounded, kGradient };

// Rows whose logits are computed in one go: they are still in the last cache when their loss is.
constexpr int64_t kMostRows = 640;

// A row of logits becomes the gradient of its loss: softmax - wanted, where `smoothing` of the target is spread over all words.
float lossOf(float* x, int64_t words, int32_t target, float smoothing, bool gradient) {
  float most = x[0], total = 0;
#pragma omp simd reduction(max : most) reduction(+ : total)
  for (int64_t i = 0; i < words; i++) {
    most = x[i] > most ? x[i] : most;
    total += x[i];
  }
  const float own = x[target];
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < words; i++) {
    // Exactly zero where a word is excluded, and never a denormal number.
    sum += x[i] = x[i] - most < -87.0f ? 0.0f : exponential(x[i] - most);
  }
  if (gradient) {
    const float factor = 1.0f / sum, rest = smoothing / words;
    for (int64_t i = 0; i < words; i++) x[i] = x[i] * factor - rest;
    x[target] -= 1.0f - smoothing;
  }
  const float wanted = smoothing > 0 ? (1.0f - smoothing) * own + smoothing / words * total : own;
  // Differences first: the logits may be large.
  return std::log(sum) - (wanted - most);
}

// Of logits = x weight + bias: the loss of each row, and the gradient of their sum.
void wordLoss(TF_OpKernelContext* c, Flags flags) {
  const Input x(c, 0, "x"), weight(c, 1, "weight"), bias(c, 2, "bias"), targets(c, 3, "targets"),
      smoothing(c, 4, "smoothing");
  const int64_t rows = x.expect({-1, -1}).size(0), inner = x.size(1);
  const int64_t words = weight.expect({inner, -1}).size(1);
  bias.expect({words});
  targets.expect({rows});
  const float share = smoothing.expect({1}).floats()[0];
  for (int64_t row = 0; row < rows; row++) {
    const int32_t word = targets.integers()[row];
    if (word < 0 || word >= words) throw Invalid("targets holds " + std::to_string(word) + ", which is no word");
  }
  const int64_t blocks = (rows + kMostRows - 1) / kMostRows, most = blocks == 0 ? 0 : (rows + blocks - 1) / blocks;
  float* losses = output(c, 0, {rows});
  float* gradient = output(c, 1, {flags[kGradient] ? rows : most, words});
  for (int64_t block = 0; block < blocks; block++) {
    const int64_t first = rows * block / blocks, count = rows * (block + 1) / blocks - first;
    float* logits = gradient + (flags[kGradient] ? first * words : 0);
    multiply(flags[kRounded] ? Precision::kBfloat16 : Precision::kFloat32, {count, inner, words},
             {x.floats() + first * inner, inner}, {weight.floats(), words}, nullptr, {false, bias.floats()}, logits, words);
    parallel(count, 2.0 * words, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) {
        losses[first + row] =
            lossOf(logits + row * words, words, targets.integers()[first + row], share, flags[kGradient]);
      }
    });
  }
}

const Registration wordLossOp("ShowtellWordLoss",
                              {"x: float", "weight: float", "bias: float", "targets: int32", "smoothing: float"},
                              {"losses: float", "d_logits: float"}, wordLoss, {"rounded", "gradient"});

}  // namespace
}  // namespace showtell
