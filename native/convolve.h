// Parts of convolutions with frozen weights, each on the thread that calls it: products of rows with what comes behind them,
// and a row of a depthwise convolution.
#pragma once

#include <cstdint>
#include <memory>
#include <new>

#include "piecewise.h"

namespace showtell {

// The places of a row, each with so many numbers: place p begins at data + p stride. A sum over `runs` pieces of `length`
// numbers, which begin `runStride` apart, belongs to each: a row of places is multiplied as a matrix (places, runs length)
// that is never laid out.
struct Places {
  const float* data;
  int64_t count, stride;
  int64_t runs, length, runStride;
};

// A right factor (runs length, columns) as `pack` of product.h lays it out, and a bias for each column.
struct Weights {
  const float* packed;
  const float* bias;
  int64_t columns;
};

// y = activation(places weights + bias + residual), of which places begin `stride` apart, as those of the residual, if there
// is one, do. With `whole` the last vector of a place is written to its end.
struct Result {
  float* data;
  int64_t stride;
  const float* residual;
  Activation activation;
  bool whole;
};

void multiplyPlaces(const Places& x, const Weights& weights, const Result& y);

// Memory that begins with a cache line, so that vectors of it do not lie across two; what is in it is any number.
class Scratch {
 public:
  float* of(int64_t count) {
    if (count > size_) {
      memory_.reset(static_cast<float*>(::operator new(count * sizeof(float), kLine)));
      size_ = count;
    }
    return memory_.get();
  }

 private:
  static constexpr std::align_val_t kLine{64};
  struct Free {
    void operator()(float* memory) const { ::operator delete(memory, kLine); }
  };
  std::unique_ptr<float, Free> memory_;
  int64_t size_ = 0;
};

// `channels` rounded up to whole vectors.
int64_t wholeVectors(int64_t channels);

// A place of a depthwise convolution's result, at p, sums over the rows and the columns p stride .. p stride + kernel - 1 of
// these, place after place with `channels` numbers each, whole vectors.
struct DepthwiseRow {
  const float* const* rows;     // kernel of them; null is a row of zeros
  const float* weights;         // (kernel, kernel, channels)
  const float* bias;            // (channels)
  int64_t kernel, stride, channels;  // kernel: 3 or 5, stride: 1 or 2
  Activation activation;
};

// y: (count, channels)
void convolveRow(const DepthwiseRow& row, int64_t count, float* y);

}  // namespace showtell
