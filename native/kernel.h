// What every kernel needs: its tensors with their shapes checked, and threads.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"

namespace showtell {

// A shape or a value that does not fit; becomes the error of the operation.
struct Invalid : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// An input: float32, int32 or uint8, row-major.
class Input {
 public:
  Input(TF_OpKernelContext* context, int index, const char* name);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  int64_t size(int axis) const { return TF_Dim(tensor_, axis); }
  int rank() const { return TF_NumDims(tensor_); }
  int64_t count() const { return TF_TensorElementCount(tensor_); }
  const float* floats() const { return static_cast<const float*>(TF_TensorData(tensor_)); }
  const int32_t* integers() const { return static_cast<const int32_t*>(TF_TensorData(tensor_)); }
  const uint8_t* bytes() const { return static_cast<const uint8_t*>(TF_TensorData(tensor_)); }

  // Throws unless the shape is that one; -1 stands for any size, 0 elements are checked like all others.
  const Input& expect(std::initializer_list<int64_t> shape) const;

 private:
  TF_Tensor* tensor_ = nullptr;
  std::string name_;
};

// The memory of a new output.
float* output(TF_OpKernelContext* context, int index, std::initializer_list<int64_t> shape);
int32_t* integerOutput(TF_OpKernelContext* context, int index, std::initializer_list<int64_t> shape);

// Runs work(begin, end) over parts of 0..count on all threads. `cost` is about the nanoseconds of one piece: what is not
// worth waking a thread for runs at once.
void parallel(int64_t count, double cost, const std::function<void(int64_t, int64_t)>& work);

// How many threads `parallel` takes, with the one that calls it.
int threads();

// Attributes of an operation that are on or off, in the order of its registration.
class Flags {
 public:
  void set(int index) { bits_ |= 1u << index; }
  bool operator[](int index) const { return (bits_ >> index) & 1; }

 private:
  uint32_t bits_ = 0;
};

using Compute = void (*)(TF_OpKernelContext*);
using ComputeFlagged = void (*)(TF_OpKernelContext*, Flags);

// Makes an operation and its kernel for the CPU known to TensorFlow. Inputs and outputs as "name: float".
struct Registration {
  Registration(const char* name, std::initializer_list<const char*> inputs,
               std::initializer_list<const char*> outputs, Compute compute);
  Registration(const char* name, std::initializer_list<const char*> inputs,
               std::initializer_list<const char*> outputs, ComputeFlagged compute,
               std::initializer_list<const char*> flags);

 private:
  void add(const char* name, std::initializer_list<const char*> inputs, std::initializer_list<const char*> outputs,
           std::function<void(TF_OpKernelContext*, Flags)> compute, std::initializer_list<const char*> flags);
};

}  // namespace showtell
