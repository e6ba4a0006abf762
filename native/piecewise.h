// Piecewise linear activations, of single numbers and of vectors; what is not a number stays so.
#pragma once

#include "vector.h"

namespace showtell {

enum class Activation { kNone, kRelu, kRelu6, kHardSigmoid, kHardSwish };

template <class T>
inline T activated(Activation activation, T x) {
  const T zero{}, six = zero + 6.0f;
  const auto relu = [&](T value) { return value < zero ? zero : value; };
  const auto relu6 = [&](T value) { return relu(value) > six ? six : relu(value); };
  const auto hardSigmoid = [&](T value) { return relu6(value + 3.0f) * (1.0f / 6.0f); };
  switch (activation) {
    case Activation::kRelu: return relu(x);
    case Activation::kRelu6: return relu6(x);
    case Activation::kHardSigmoid: return hardSigmoid(x);
    case Activation::kHardSwish: return x * hardSigmoid(x);
    default: return x;
  }
}

}  // namespace showtell
