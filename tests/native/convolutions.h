// Kernels of convolutions with frozen weights, and of what comes before them.
#pragma once

#include <algorithm>

#include "made_up.h"

// The convolution of frozen weights beside sums of double precision.
static void convolves(int64_t side, bool halved, int64_t channels, int64_t columns, int64_t height, int64_t width) {
  const int64_t stride = halved ? 2 : 1, border = (side - 1) / 2, depth = side * side * channels;
  const int64_t rows = (height + stride - 1) / stride, places = (width + stride - 1) / stride;
  const Given x = floats({2, height, width, channels}), kernel = floats({depth, columns}), bias = floats({columns});
  std::set<std::string> flags;
  if (halved) flags.insert("halved");
  const Given weights = packed(kernel);
  for (const char* activation : {"Relu", "Relu6", "HardSigmoid", "HardSwish"}) {
    run(std::string("ShowtellConvolution") + activation, {x, weights, bias}, flags);
  }
  const Given y = run("ShowtellConvolution", {x, weights, bias}, flags).at(0);
  for (size_t i = 0; i < y.data.size(); i += 1 + i % 7) {
    const auto number = static_cast<int64_t>(i);
    const int64_t column = number % columns, place = number / columns % places;
    const int64_t row = number / columns / places % rows, image = number / columns / places / rows;
    double sum = static_cast<double>(numberOf(bias.data[column]));
    for (int64_t k = 0; k < depth; k++) {
      const int64_t top = row * stride - border + k / channels / side, left = place * stride - border + k / channels % side;
      if (top < 0 || top >= height || left < 0 || left >= width) continue;
      const int64_t at = ((image * height + top) * width + left) * channels + k % channels;
      sum += static_cast<double>(numberOf(x.data[at])) * numberOf(kernel.data[k * columns + column]);
    }
    const double error = std::fabs(sum - numberOf(y.data[i]));
    if (error > 1e-5 * std::sqrt(2.0 + depth)) fail("ShowtellConvolution computes something else");
  }
}

// What an inverted residual takes; without `expanding` or `squeezed` it has no such convolutions.
static std::vector<Given> blockOf(std::vector<int64_t> shape, int64_t side, bool expanding, int64_t squeezed,
                                  int64_t outputs) {
  const int64_t inputs = shape[3], expanded = expanding ? 3 * inputs + 2 : inputs;
  const auto weights = [](int64_t from, int64_t to) { return from * to > 0 ? packed(floats({from, to})) : floats({0}); };
  return {floats(shape),
          weights(expanding ? inputs : 0, expanded),
          floats({expanding ? expanded : 0}),
          floats({side, side, expanded, 1}),
          floats({expanded}),
          weights(expanded, squeezed),
          floats({squeezed}),
          weights(squeezed, expanded),
          floats({squeezed > 0 ? expanded : 0}),
          weights(expanded, outputs),
          floats({outputs})};
}

static void convolutions() {
  for (const bool halved : {false, true}) {
    for (const int64_t side : {1, 3, 7}) {
      convolves(side, halved, 3, 33, 5, 8);
      convolves(side, halved, 2, 7, 2, 1);
    }
    convolves(1, halved, 50, 100, 9, 10);
  }
  for (const char* activation : {"Relu", "Relu6", "HardSwish"}) {
    const std::string name = std::string("ShowtellInvertedResidual") + activation;
    for (const int64_t images : {1, 2, 13}) {
      for (const int64_t side : {3, 5}) {
        for (const bool expanding : {false, true}) {
          for (const int64_t squeezed : {0, 5}) {
            for (const auto [height, width] : {std::pair<int64_t, int64_t>{1, 1}, {7, 7}, {6, 11}}) {
              run(name, blockOf({images, height, width, 9}, side, expanding, squeezed, 9), {"residual"});
              run(name, blockOf({images, height, width, 16}, side, expanding, squeezed, 35), {"halved"});
              // Bands of rows give what one thread gives that takes the whole image.
              if (images > 1) continue;
              auto one = blockOf({1, height, width, 9}, side, expanding, squeezed, 9);
              auto many = one;
              many[0].shape[0] = 24;
              for (int i = 1; i < 24; i++) many[0].data.insert(many[0].data.end(), one[0].data.begin(), one[0].data.end());
              const auto alone = run(name, one).at(0).data, beside = run(name, many).at(0).data;
              if (!std::equal(alone.begin(), alone.end(), beside.begin())) fail(name + " depends on the number of images");
            }
          }
        }
      }
    }
  }
  const auto wrong = [](int input, int64_t more, const std::string& word) {
    auto inputs = blockOf({2, 4, 4, 9}, 3, true, 5, 9);
    inputs[input].shape.back() += more;
    refuses("ShowtellInvertedResidualRelu", std::move(inputs), word);
  };
  for (const auto& [input, word] : {std::pair{0, "expand"}, {1, "expand"}, {2, "kernel"}, {3, "kernel"}, {4, "bias"},
                                    {5, "squeeze"}, {7, "excite"}, {8, "excite"}, {9, "project"}}) {
    wrong(input, 1, word);
  }
  wrong(10, 100, "project");
  auto missing = blockOf({2, 4, 4, 9}, 3, true, 5, 9);
  missing[9] = floats({0});
  refuses("ShowtellInvertedResidualRelu", missing, "project");
  refuses("ShowtellInvertedResidualRelu", blockOf({2, 4, 4, 9}, 4, true, 5, 9), "5 x 5");
  refuses("ShowtellConvolution", {floats({1, 2, 2, 3}), packed(floats({28, 4})), floats({4})}, "packed");
  refuses("ShowtellConvolution", {floats({1, 2, 2, 3}), packed(floats({27, 4})), floats({400})}, "packed");
  auto added = blockOf({2, 4, 4, 9}, 3, true, 5, 10);
  TF_OpKernelContext context{added, {}, ""};
  known().at("ShowtellInvertedResidualRelu").run({"residual"}, &context);
  if (context.failure.find("cannot be added") == std::string::npos) fail("a residual of another shape was added");
  Given pixels{{5, 9}, std::vector<uint32_t>(12, 0x00ff7f01)};  // 48 bytes, of which 45 count
  const auto normalized = run("ShowtellNormalize", {pixels, numbers({0, 0, 0}), numbers({1, 1, 1})});
  const float expected[4] = {1 / 255.0f, 127 / 255.0f, 1, 0};
  for (int i = 0; i < 45; i++) {
    if (numberOf(normalized.at(0).data[i]) != expected[i % 4]) fail("ShowtellNormalize computes something else");
  }
  refuses("ShowtellNormalize", {floats({5, 8}), floats({3}), floats({3})}, "pixels");
  refuses("ShowtellNormalize", {floats({5, 9}), floats({4}), floats({3})}, "mean");
}
