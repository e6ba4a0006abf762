// Runs every kernel of native/ without TensorFlow, on made-up tensors of odd sizes and on shapes that do not fit: for the
// sanitizers, and for sums that can be checked by hand.

#include "convolutions.h"
#include "made_up.h"

// x y + bias in every way there is, beside sums of double precision.
static void multiplies(int64_t rows, int64_t inner, int64_t columns) {
  const Given bias = floats({columns}), none = floats({0});
  for (int flags = 0; flags < 8; flags++) {
    const bool turnX = flags & 1, turnY = flags & 2, round = flags & 4;
    const Given x = turnX ? floats({inner, rows}) : floats({rows, inner});
    const Given y = turnY ? floats({columns, inner}) : floats({inner, columns});
    std::set<std::string> own, packing;
    if (turnX) own.insert("transpose_x");
    if (turnY) own.insert("transpose_y"), packing.insert("transpose");
    if (round) own.insert("rounded"), packing.insert("rounded");
    const auto straight = run("ShowtellProduct", {x, y, none, bias}, own);
    if (inner > 0 && run("ShowtellProduct", {x, y, packed(y, packing), bias}, own).at(0).data != straight.at(0).data) {
      fail("ShowtellProduct of a packed factor differs");
    }
    const auto at = [&](const Given& factor, bool turned, int64_t row, int64_t column) {
      const float value = numberOf(factor.data[turned ? column * factor.shape[1] + row : row * factor.shape[1] + column]);
      return round ? rounded(value) : value;
    };
    for (int64_t row = 0; row < rows; row++) {
      for (int64_t column = 0; column < columns; column += 1 + column / 3) {
        double sum = numberOf(bias.data[column]);
        for (int64_t k = 0; k < inner; k++) {
          sum += static_cast<double>(at(x, turnX, row, k)) * at(y, turnY, k, column);
        }
        const double error = std::fabs(sum - numberOf(straight.at(0).data[row * columns + column]));
        if (error > 1e-5 * std::sqrt(1.0 + inner)) fail("ShowtellProduct computes something else");
      }
    }
    run("ShowtellProduct", {x, y, none, none}, own);
  }
}

int main() {
  convolutions();
  for (const int64_t scale : {1, 3, 40}) {
    const int64_t B = 2 + scale, P = 5, A = 7 * scale, C = 9 * scale, H = 3 * scale, E = 4, V = 11 + 60 * scale;
    const int64_t J = 4 * H + A + C, n = B - 1;
    const Given keys = floats({B, P, A}), features = floats({B, P, C}), weight = floats({A, 1});
    for (const int64_t rows : {n, B, 3 * B}) {
      auto seen = run("ShowtellAttend", {floats({rows, J}), floats({J}), keys, features, weight});
      if (rows > B) continue;
      for (const int64_t given : {int64_t{0}, B}) {
        run("ShowtellAttendGradient", {floats({rows, C}), floats({rows, 4 * H}), keys, features, weight, seen[0],
                                       seen[1], seen[2], seen[3], floats({given, P})});
      }
      refuses("ShowtellAttendGradient", {floats({rows, C}), floats({rows, 4 * H}), keys, features, weight, seen[0],
                                         seen[1], seen[2], seen[3], floats({rows - 1, P})},
              "d_alpha");
      auto cell = run("ShowtellCell", {floats({rows, 4 * H}), floats({rows, J}), floats({rows, 4 * H}), floats({J}),
                                       floats({rows, H}, 90)});
      run("ShowtellCell", {floats({rows, 4 * H}), floats({rows, 4 * H}, 200), floats({0, 4 * H}), floats({4 * H}),
                           floats({rows, H})});
      for (const int64_t later : {int64_t{0}, rows - 1, rows}) {
        run("ShowtellCellGradient",
            {floats({rows, H}), floats({later, H}), floats({later, H}), cell[2], cell[3], floats({rows, H})});
      }
    }
    const auto total = static_cast<int64_t>(B + n + 1 + 4);
    run("ShowtellKeysGradient", {keys, floats({total, A}), floats({total, P}),
                                 integers({static_cast<int32_t>(B), static_cast<int32_t>(n), 1})});
    for (const std::set<std::string>& round : {std::set<std::string>{}, {"rounded"}}) {
      std::set<std::string> turned = round;
      turned.insert("transpose");
      const Given steps = integers({static_cast<int32_t>(B), static_cast<int32_t>(n), 1}), joint = floats({H, J}),
                  contextRows = floats({C, 4 * H});
      std::vector<Given> given = {floats({total, 4 * H}), keys, features, weight, packed(joint, round), floats({J}),
                                  packed(contextRows, round), floats({B, H}), floats({B, H}), steps};
      auto seen = run("ShowtellAttentionSequence", given, round);
      for (const int64_t more : {int64_t{0}, B}) {
        run("ShowtellAttentionSequenceGradient",
            {floats({total, H}), floats({more, P}), keys, features, weight, packed(joint, turned),
             packed(contextRows, turned), seen[2], seen[3], seen[4], seen[5], seen[7], seen[8], seen[9], steps},
            round);
      }
      if (!round.empty()) continue;
      given[9] = integers({static_cast<int32_t>(n), 1});
      refuses("ShowtellAttentionSequence", given, "rows must begin");
      given[9] = integers({static_cast<int32_t>(B), static_cast<int32_t>(B), static_cast<int32_t>(B)});
      if (3 * B > total) refuses("ShowtellAttentionSequence", given, "rows add up");
      given[0] = floats({total, 4 * H + 1});
      refuses("ShowtellAttentionSequence", given, "word_gates");
    }
    refuses("ShowtellPack", {floats({A})}, "y is");
    if (scale < 40) {
      for (const int64_t rows : {1, 2, 4, 5, 9, 33}) multiplies(rows, A, V);
    }
    for (const int64_t inner : {0, 1, 2, 3}) multiplies(5, inner, 7);
    for (const int64_t rows : {1, 2, 3, 4, 5, 9, 17, 70}) {
      run("ShowtellLogSumExp", {floats({rows, V}, 1e4)});
      const auto continuations = [&](int32_t count) -> std::vector<Given> {
        return {floats({2 * rows, V}), floats({2 * rows, V}, 1e4), floats({rows, 2}), integers({count})};
      };
      run("ShowtellContinuations", continuations(static_cast<int32_t>(2 * V)));
      refuses("ShowtellContinuations", continuations(static_cast<int32_t>(2 * V + 1)), "count");
      refuses("ShowtellContinuations", continuations(0), "count");
    }
    for (const int64_t rows : {B, 2 * B}) {
      const auto step = [&](int32_t word, std::set<std::string> packing = {}) -> std::vector<Given> {
        return {floats({rows, H}), floats({rows, H}), integers(std::vector<int32_t>(rows, word)), keys, features,
                floats({V, E}), packed(floats({H, J}), packing), floats({J}), packed(floats({E + C, 4 * H}), packing),
                weight, packed(floats({H, V}), packing), floats({V})};
      };
      run("ShowtellAttentionStep", step(static_cast<int32_t>(V - 1)));
      run("ShowtellAttentionStep", step(0, {"rounded"}), {"rounded"});
      refuses("ShowtellAttentionStep", step(static_cast<int32_t>(V)), "words");
      refuses("ShowtellAttentionStep", step(-1), "words");
      for (const auto& [input, word] : {std::pair{6, "joint"}, {8, "weight_ih"}, {10, "fc.weight"}}) {
        auto wrong = step(0);
        wrong[input].shape.back() += 1;
        refuses("ShowtellAttentionStep", std::move(wrong), word);
      }
    }
    const Given second = numbers(std::vector<float>(static_cast<size_t>(B * V), 0.25f));
    run("ShowtellAdam", {floats({B, V}), floats({B, V}), second, floats({B, V}), numbers({0.5f}),
                         numbers({0.9f, 0.999f, 0.01f, 1e-8f, 0.99f, 0.1f})});
    refuses("ShowtellAdam", {floats({B, V}), floats({B, V}), second, floats({B, V - 1}), numbers({1}), floats({6})}, "gradient");
    refuses("ShowtellAdam", {floats({B, V}), floats({B, V}), second, floats({B, V}), numbers({1}), floats({5})}, "numbers");
    const std::vector<Given> words = {floats({5, H}), floats({H, V}), floats({V}, 9), integers({0, 1, 2, 3, 4})};
    for (const std::set<std::string>& flags : {std::set<std::string>{}, {"gradient"}, {"gradient", "rounded"}}) {
      for (const float smoothing : {0.0f, 0.1f}) {
        auto given = words;
        given.push_back(numbers({smoothing}));
        run("ShowtellWordLoss", given, flags);
      }
    }
    auto unknown = words;
    unknown[3] = integers({0, 1, 2, 3, static_cast<int32_t>(V)});
    unknown.push_back(numbers({0}));
    refuses("ShowtellWordLoss", unknown, "targets");
    for (const char* activation : {"", "Relu", "Relu6", "HardSigmoid", "HardSwish"}) {
      const std::string name = std::string("ShowtellBias") + activation;
      run(name, {floats({B, 3, P, C}, 9), floats({C}, 9)});
      refuses(name, {floats({B, 3, P, C}), floats({C + 1})}, "bias");
      refuses(name, {floats({B, C}), floats({C})}, "bias");
    }
    refuses("ShowtellProduct", {floats({2, A}), floats({A + 1, V}), floats({0}), floats({V})}, "y is");
    refuses("ShowtellProduct", {floats({2, A}), floats({A, V}), floats({1, A, 1}), floats({V})}, "packed");
    refuses("ShowtellProduct", {floats({2, A}), floats({A, V}), floats({0}), floats({V - 1})}, "bias");
    refuses("ShowtellProduct", {floats({A}), floats({A, V}), floats({0}), floats({V})}, "x is");
    refuses("ShowtellAttend", {floats({B, J}), floats({J}), keys, floats({B, P + 1, C}), weight}, "features");
    refuses("ShowtellAttend", {floats({B + 1, J}), floats({J}), keys, features, weight}, "joint");
    refuses("ShowtellAttend", {floats({B, A}), floats({A}), keys, features, weight}, "joint");
    refuses("ShowtellAttend", {floats({B, J}), floats({J}), keys, features, floats({A + 1, 1})}, "weight");
    refuses("ShowtellKeysGradient", {keys, floats({total, A}), floats({total, P}), integers({static_cast<int32_t>(B + 1)})},
            "rows");
    refuses("ShowtellKeysGradient", {keys, floats({1, A}), floats({1, P}), integers({2})}, "rows");
    refuses("ShowtellCell", {floats({2, 4 * H}), floats({2, 4 * H - 1}), floats({0, 4 * H}), floats({4 * H}), floats({2, H})},
            "b has");
    refuses("ShowtellCellGradient", {floats({2, H}), floats({3, H}), floats({3, H}), floats({2, 4 * H}), floats({2, H}),
                                     floats({2, H})},
            "more rows");
  }
  multiplies(3, 1700, 50);   // deeper than one block of x
  multiplies(1030, 9, 20);   // more rows than are laid out at once
  multiplies(1100, 800, 70);  // both, and enough work for several threads
  std::printf("ok\n");
  return 0;
}
