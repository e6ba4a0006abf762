// The inverted residual of MobileNetV2 and V3 with frozen weights in one operation: a 1x1 convolution to more channels, a
// depthwise one, squeeze-and-excitation, a 1x1 convolution back, and x added. What lies between stays in the caches: the
// rows with more channels are made as the depthwise convolution comes to them.

#include <algorithm>
#include <vector>

#include "convolve.h"
#include "kernel.h"
#include "product.h"

namespace showtell {
namespace {

enum BlockFlag { kHalved, kResidual };

constexpr double kCost = 0.02;  // nanoseconds of a multiplication and addition

// Maps between the convolutions have `lanes` channels: the expanded ones and what fills the last vector.
struct Block {
  int64_t height, width, inputs, expanded, lanes, side, stride, squeezed, outputs;
  const float* x;
  Weights expand;           // without numbers where x has the channels already
  Weights squeeze, excite;  // without numbers where nothing is scaled
  Weights project;
  bool residual;
  Activation activation;
  const float *kernel, *bias;  // of the depthwise convolution, (side, side, lanes) and (lanes)
  float* y;

  int64_t rows() const { return (height + stride - 1) / stride; }
  int64_t places() const { return (width + stride - 1) / stride; }
  int64_t rowSize() const { return places() * lanes; }

  void expandRow(int64_t image, int64_t row, float* to) const {
    const float* from = x + (image * height + row) * width * inputs;
    if (expand.packed) {
      multiplyPlaces({from, width, inputs, 1, inputs, 0}, expand, {to, lanes, nullptr, activation, true});
      return;
    }
    for (int64_t place = 0; place < width; place++, from += inputs, to += lanes) {
      std::copy_n(from, inputs, to);
      std::fill(to + inputs, to + lanes, 0.0f);
    }
  }

  // Rows begin .. end - 1 of the depthwise convolution, each written to map(row) and handed on to done(row).
  template <class Map, class Done>
  void convolveRows(int64_t image, int64_t begin, int64_t end, Map map, Done done) const {
    // As many rows of x as the kernel has, with zeros at both ends; row r lies at r % side.
    static thread_local Scratch scratch;
    const int64_t border = (side - 1) / 2, wide = (width + 2 * border) * lanes;
    float* memory = scratch.of(side * wide);
    for (int64_t i = 0; i < side; i++) {
      std::fill_n(memory + i * wide, border * lanes, 0.0f);
      std::fill_n(memory + (i + 1) * wide - border * lanes, border * lanes, 0.0f);
    }
    std::vector<const float*> window(side);
    int64_t next = std::max<int64_t>(0, begin * stride - border);
    for (int64_t row = begin; row < end; row++) {
      const int64_t top = row * stride - border;
      for (; next < std::min(height, top + side); next++) {
        expandRow(image, next, memory + next % side * wide + border * lanes);
      }
      for (int64_t i = 0; i < side; i++) {
        const bool there = top + i >= 0 && top + i < height;
        window[i] = there ? memory + (top + i) % side * wide : nullptr;
      }
      convolveRow({window.data(), kernel, bias, side, stride, lanes, activation}, places(), map(row));
      done(row);
    }
  }

  // The factor of each channel of a whole map (rows, places, lanes).
  void excitation(const float* map, float* scale) const {
    std::vector<float> mean(lanes), hidden(wholeVectors(squeezed));
    const int64_t count = rows() * places();
    for (int64_t channel = 0; channel < lanes; channel += kLanes) {
      constexpr int kSums = 4;
      Vector sums[kSums] = {};
      const float* from = map + channel;
      int64_t place = 0;
      for (; place + kSums <= count; place += kSums) {
        for (int s = 0; s < kSums; s++, from += lanes) sums[s] += load(from);
      }
      for (; place < count; place++, from += lanes) sums[0] += load(from);
      store(mean.data() + channel, ((sums[0] + sums[1]) + (sums[2] + sums[3])) / static_cast<float>(count));
    }
    multiplyPlaces({mean.data(), 1, lanes, 1, expanded, 0}, squeeze, {hidden.data(), 0, nullptr, Activation::kRelu, true});
    multiplyPlaces({hidden.data(), 1, squeezed, 1, squeezed, 0}, excite,
                   {scale, 0, nullptr, Activation::kHardSigmoid, true});
  }

  // Rows from `row` of the result.
  void projectRows(int64_t image, int64_t row, int64_t count, const float* map) const {
    const int64_t at = (image * rows() + row) * places() * outputs;
    multiplyPlaces({map, count * places(), lanes, 1, expanded, 0}, project,
                   {y + at, outputs, residual ? x + at : nullptr, Activation::kNone, false});
  }

  void scaleAndProject(int64_t image, int64_t row, int64_t count, const float* scale, float* map) const {
    for (float* at = map; at < map + count * rowSize(); at += lanes) {
      for (int64_t channel = 0; channel < lanes; channel += kLanes) {
        store(at + channel, load(at + channel) * load(scale + channel));
      }
    }
    projectRows(image, row, count, map);
  }

  double cost() const {
    return kCost * lanes * (width * height * inputs + rows() * places() * (side * side + outputs));
  }

  // Nothing is scaled: rows go on at once.
  void runSimple(int64_t image, int64_t begin, int64_t end) const {
    static thread_local Scratch scratch;
    float* map = scratch.of(rowSize());
    convolveRows(image, begin, end, [&](int64_t) { return map; }, [&](int64_t row) { projectRows(image, row, 1, map); });
  }

  void convolveInto(float* map, int64_t image, int64_t begin, int64_t end) const {
    convolveRows(image, begin, end, [&](int64_t row) { return map + row * rowSize(); }, [](int64_t) {});
  }

  void runSqueezed(int64_t image) const {
    static thread_local Scratch scratch;
    float *scale = scratch.of(lanes + rows() * rowSize()), *map = scale + lanes;
    convolveInto(map, image, 0, rows());
    excitation(map, scale);
    scaleAndProject(image, 0, rows(), scale, map);
  }

  // Each image in several bands of rows, as there are too few images for the threads.
  void runInBands(int64_t images, int64_t bands) const {
    const auto first = [&](int64_t band) { return rows() * band / bands; };
    const auto each = [&](auto work) {
      parallel(images * bands, cost() / bands, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) work(i / bands, first(i % bands), first(i % bands + 1));
      });
    };
    if (!squeeze.packed) {
      each([&](int64_t image, int64_t begin, int64_t end) { runSimple(image, begin, end); });
      return;
    }
    const int64_t size = rows() * rowSize();
    Scratch scratch;
    float *maps = scratch.of(images * (size + lanes)), *scales = maps + images * size;
    each([&](int64_t image, int64_t begin, int64_t end) { convolveInto(maps + image * size, image, begin, end); });
    for (int64_t image = 0; image < images; image++) {
      excitation(maps + image * size, scales + image * lanes);
    }
    each([&](int64_t image, int64_t begin, int64_t end) {
      float* map = maps + image * size + begin * rowSize();
      scaleAndProject(image, begin, end - begin, scales + image * lanes, map);
    });
  }

  void run(int64_t images) const {
    // So many pieces for each thread that none waits long for another.
    const int64_t pieces = 4 * threads();
    if (images < pieces && threads() > 1) {
      runInBands(images, std::min(rows(), (pieces + images - 1) / images));
      return;
    }
    parallel(images, cost(), [&](int64_t begin, int64_t end) {
      for (int64_t image = begin; image < end; image++) squeeze.packed ? runSqueezed(image) : runSimple(image, 0, rows());
    });
  }
};

// What `pack` made of a kernel (1, 1, inputs, columns), and its bias; no numbers: there is no such convolution.
Weights weightsOf(const Input& packed, const Input& bias, int64_t inputs) {
  if (packed.count() == 0) return {nullptr, nullptr, 0};
  const int64_t columns = bias.expect({-1}).size(0);
  packed.expect({panelsOf(columns), inputs, panelWidth()});
  return {packed.floats(), bias.floats(), columns};
}

template <Activation A>
void invertedResidual(TF_OpKernelContext* c, Flags flags) {
  const Input x(c, 0, "x"), expand(c, 1, "expand"), expandBias(c, 2, "expand_bias"), kernel(c, 3, "kernel");
  const Input bias(c, 4, "bias"), squeeze(c, 5, "squeeze"), squeezeBias(c, 6, "squeeze_bias"), excite(c, 7, "excite");
  const Input exciteBias(c, 8, "excite_bias"), project(c, 9, "project"), projectBias(c, 10, "project_bias");
  const int64_t images = x.expect({-1, -1, -1, -1}).size(0);
  Block block{};
  block.height = x.size(1), block.width = x.size(2), block.inputs = x.size(3), block.x = x.floats();
  block.side = kernel.expect({-1, -1, -1, 1}).size(0), block.expanded = kernel.size(2);
  kernel.expect({block.side, block.side, block.expanded, 1});
  bias.expect({block.expanded});
  const int64_t taps = block.side * block.side;
  if (block.side != 3 && block.side != 5) throw Invalid("kernel is not of 3 x 3 and not of 5 x 5");
  block.stride = flags[kHalved] ? 2 : 1, block.lanes = wholeVectors(block.expanded), block.activation = A;
  block.expand = weightsOf(expand, expandBias, block.inputs);
  if ((block.expand.packed ? block.expand.columns : block.inputs) != block.expanded) {
    throw Invalid("kernel has not the channels of what comes before it");
  }
  block.squeeze = weightsOf(squeeze, squeezeBias, block.expanded), block.squeezed = block.squeeze.columns;
  if (block.squeezed > 0) {
    block.excite = weightsOf(excite, exciteBias, block.squeezed);
    exciteBias.expect({block.expanded});
    if (!block.excite.packed) throw Invalid("excite is missing");
  }
  block.project = weightsOf(project, projectBias, block.expanded), block.outputs = block.project.columns;
  if (!block.project.packed) throw Invalid("project is missing");
  block.residual = flags[kResidual];
  if (block.residual && (block.stride != 1 || block.inputs != block.outputs)) {
    throw Invalid("x has another shape than the result, and cannot be added to it");
  }
  Scratch scratch;
  float* padded = scratch.of((taps + 1) * block.lanes);
  std::fill_n(padded, (taps + 1) * block.lanes, 0.0f);
  for (int64_t tap = 0; tap < taps; tap++) {
    std::copy_n(kernel.floats() + tap * block.expanded, block.expanded, padded + tap * block.lanes);
  }
  block.kernel = padded, block.bias = padded + taps * block.lanes;
  std::copy_n(bias.floats(), block.expanded, padded + taps * block.lanes);
  block.y = output(c, 0, {images, block.rows(), block.places(), block.outputs});
  if (images * block.rows() * block.places() * block.outputs > 0) block.run(images);
}

#define SHOWTELL_BLOCK(NAME, ACTIVATION)                                                                                  \
  const Registration op##ACTIVATION(                                                                                      \
      "ShowtellInvertedResidual" NAME,                                                                                    \
      {"x: float", "expand: float", "expand_bias: float", "kernel: float", "bias: float", "squeeze: float",               \
       "squeeze_bias: float", "excite: float", "excite_bias: float", "project: float", "project_bias: float"},            \
      {"y: float"}, invertedResidual<Activation::ACTIVATION>, {"halved", "residual"});
SHOWTELL_BLOCK("Relu", kRelu)
SHOWTELL_BLOCK("Relu6", kRelu6)
SHOWTELL_BLOCK("HardSwish", kHardSwish)

}  // namespace
}  // namespace showtell
