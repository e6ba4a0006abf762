// What decoding asks of a row of logits.

#include <algorithm>
#include <cmath>

#include "activations.h"
#include "kernel.h"

namespace showtell {
namespace {

// log of the sum of exp.
float logOfSum(const float* values, int64_t columns) {
  float most = values[0];
#pragma omp simd reduction(max : most)
  for (int64_t i = 0; i < columns; i++) most = values[i] > most ? values[i] : most;
  if (!std::isfinite(most)) return most;
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < columns; i++) sum += exponential(values[i] - most);
  return most + std::log(sum);
}

void logSumExp(TF_OpKernelContext* c) {
  const Input x(c, 0, "x");
  const int64_t rows = x.expect({-1, -1}).size(0), columns = x.size(1);
  if (columns == 0) throw Invalid("x has no columns");
  float* y = output(c, 0, {rows});
  parallel(rows, 1.0 * columns, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) y[row] = logOfSum(x.floats() + row * columns, columns);
  });
}

// The largest numbers seen so far, falling; of equal ones the first.
class Best {
 public:
  Best(float* values, int32_t* indices, int64_t count) : values_(values), indices_(indices), count_(count) {}

  // Takes in `values` + base, whose first has this index.
  void add(const float* values, float base, int64_t columns, int64_t index) {
    for (int64_t begin = 0; begin < columns; begin += kBlock) {
      const int64_t end = std::min(begin + kBlock, columns);
      if (held_ == count_) {
        // Most blocks hold nothing that counts.
        float most = values[begin];
#pragma omp simd reduction(max : most)
        for (int64_t i = begin; i < end; i++) most = values[i] > most ? values[i] : most;
        if (!(most + base > values_[count_ - 1])) continue;
      }
      for (int64_t i = begin; i < end; i++) insert(values[i] + base, static_cast<int32_t>(index + i));
    }
  }

 private:
  static constexpr int64_t kBlock = 64;

  void insert(float value, int32_t index) {
    int64_t place = held_;
    if (held_ < count_) held_++;
    else if (!(value > values_[--place])) return;
    for (; place > 0 && value > values_[place - 1]; place--) {
      values_[place] = values_[place - 1];
      indices_[place] = indices_[place - 1];
    }
    values_[place] = value;
    indices_[place] = index;
  }

  float* values_;
  int32_t* indices_;
  int64_t count_, held_ = 0;
};

// The best continuations of each image's hypotheses: of before + log softmax(logits), where `allowed` are the logits that
// rules left, the `count` largest. An index is hypothesis x words + word.
void continuations(TF_OpKernelContext* c) {
  const Input allowed(c, 0, "allowed"), logits(c, 1, "logits"), before(c, 2, "before"), count(c, 3, "count");
  const int64_t images = before.expect({-1, -1}).size(0), each = before.size(1);
  const int64_t words = allowed.expect({images * each, -1}).size(1);
  logits.expect({images * each, words});
  const int64_t wanted = count.expect({1}).integers()[0];
  if (wanted < 1 || wanted > each * words) throw Invalid("count is more than there are continuations, or none");
  float* values = output(c, 0, {images, wanted});
  int32_t* indices = integerOutput(c, 1, {images, wanted});
  parallel(images, 1.5 * each * words, [&](int64_t begin, int64_t end) {
    for (int64_t image = begin; image < end; image++) {
      Best best(values + image * wanted, indices + image * wanted, wanted);
      for (int64_t i = 0; i < each; i++) {
        const int64_t row = image * each + i;
        const float base = before.floats()[row] - logOfSum(logits.floats() + row * words, words);
        best.add(allowed.floats() + row * words, base, words, i * words);
      }
    }
  });
}

const Registration logSumExpOp("ShowtellLogSumExp", {"x: float"}, {"y: float"}, logSumExp);
const Registration continuationsOp("ShowtellContinuations",
                                   {"allowed: float", "logits: float", "before: float", "count: int32"},
                                   {"values: float", "indices: int32"}, continuations);

}  // namespace
}  // namespace showtell
