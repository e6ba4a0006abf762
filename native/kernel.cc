#include "kernel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace showtell {

namespace {

using Status = std::unique_ptr<TF_Status, decltype(&TF_DeleteStatus)>;

Status newStatus() { return Status(TF_NewStatus(), TF_DeleteStatus); }

void check(const Status& status) {
  if (TF_GetCode(status.get()) != TF_OK) throw Invalid(TF_Message(status.get()));
}

}  // namespace

Input::Input(TF_OpKernelContext* context, int index, const char* name) : name_(name) {
  Status status = newStatus();
  TF_GetInput(context, index, &tensor_, status.get());
  check(status);
}

Input::~Input() {
  if (tensor_) TF_DeleteTensor(tensor_);
}

const Input& Input::expect(std::initializer_list<int64_t> shape) const {
  bool fits = rank() == static_cast<int>(shape.size());
  int axis = 0;
  for (int64_t wanted : shape) {
    fits = fits && (wanted < 0 || size(axis) == wanted);
    axis++;
  }
  if (fits) return *this;
  const auto text = [](int64_t size) { return size < 0 ? std::string("?") : std::to_string(size); };
  std::string found, expected;
  for (int i = 0; i < rank(); i++) found += (i ? " x " : "") + text(size(i));
  for (int64_t wanted : shape) expected += (expected.empty() ? "" : " x ") + text(wanted);
  throw Invalid(name_ + " is " + found + ", not " + expected);
}

namespace {

// float32 and int32 are of the same size.
void* newOutput(TF_OpKernelContext* context, int index, TF_DataType type, std::initializer_list<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape) count *= size;
  Status status = newStatus();
  std::unique_ptr<TF_Tensor, decltype(&TF_DeleteTensor)> tensor(
      TF_AllocateOutput(context, index, type, shape.begin(), static_cast<int>(shape.size()),
                        count * sizeof(float), status.get()),
      TF_DeleteTensor);
  check(status);
  return TF_TensorData(tensor.get());  // the context keeps it
}

}  // namespace

float* output(TF_OpKernelContext* context, int index, std::initializer_list<int64_t> shape) {
  return static_cast<float*>(newOutput(context, index, TF_FLOAT, shape));
}

int32_t* integerOutput(TF_OpKernelContext* context, int index, std::initializer_list<int64_t> shape) {
  return static_cast<int32_t*>(newOutput(context, index, TF_INT32, shape));
}

namespace {

// A moment of waiting: short at first, then whoever else wants to run may.
class Moment {
 public:
  void pass() {
#if defined(__x86_64__)
    if (++times_ % 64 != 0) {
      __builtin_ia32_pause();
      return;
    }
#endif
    std::this_thread::yield();
  }

 private:
  int times_ = 0;
};

// As many threads as TensorFlow takes for one operation, the caller among them. The others wait by spinning for a moment,
// as the next kernel of a step mostly comes at once, then they sleep. One that comes late, because it slept or its core
// is taken, is not waited for: the caller does what is left.
class Pool {
 public:
  Pool() {
    const char* text = std::getenv("TF_NUM_INTRAOP_THREADS");
    const int wanted = text ? std::atoi(text) : 0;
    const int threads = wanted > 0 ? wanted : std::max(1u, std::thread::hardware_concurrency());
    for (int i = 1; i < threads; i++) workers_.emplace_back([this] { serve(); });
  }

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  void run(int64_t count, const std::function<void(int64_t, int64_t)>& work) {
    std::lock_guard<std::mutex> one(run_);
    work_ = &work;
    count_ = count;
    next_ = 0;
    open_ = true;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      generation_++;
    }
    wake_.notify_all();
    take();
    // In this order: who enters from now on finds the door closed, and leaves.
    open_ = false;
    for (Moment moment; inside_ > 0;) moment.pass();
    if (std::exception_ptr failure = std::exchange(failure_, nullptr)) std::rethrow_exception(failure);
  }

 private:
  // Parts that become smaller towards the end: cores are not equally free.
  void take() {
    for (int64_t begin = next_;;) {
      if (begin >= count_) return;
      const int64_t part = std::max<int64_t>(1, (count_ - begin) / (2 * threads()));
      if (!next_.compare_exchange_weak(begin, begin + part)) continue;
      try {
        (*work_)(begin, begin + part);
      } catch (...) {
        // The caller throws the first one when all have left; nobody begins another part.
        std::lock_guard<std::mutex> lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
        next_ = count_;
      }
      begin = next_;
    }
  }

  void serve() {
    uint64_t seen = 0;
    for (;;) {
      Moment moment;
      const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(500);
      while (generation_ == seen && std::chrono::steady_clock::now() < until) moment.pass();
      if (generation_ == seen) {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return generation_ != seen; });
      }
      seen = generation_;
      inside_++;
      if (open_) take();
      inside_--;
    }
  }

  std::vector<std::thread> workers_;
  std::mutex run_, mutex_;
  std::condition_variable wake_;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int64_t> next_{0};
  std::atomic<int> inside_{0};
  std::atomic<bool> open_{false};
  int64_t count_ = 0;
  const std::function<void(int64_t, int64_t)>* work_ = nullptr;
  std::exception_ptr failure_;
};

// Never freed: its threads live as long as the process.
Pool& pool() {
  static Pool* made = new Pool();
  return *made;
}

// Below this a second thread costs more than it saves, nanoseconds.
constexpr double kWorthWaking = 20000;

}  // namespace

int threads() { return pool().threads(); }

void parallel(int64_t count, double cost, const std::function<void(int64_t, int64_t)>& work) {
  if (count <= 0) return;
  if (count == 1 || count * cost < kWorthWaking || pool().threads() == 1) {
    work(0, count);
    return;
  }
  pool().run(count, work);
}

namespace {

// TensorFlow's kernels are plain functions; the error of one is the error of its operation.
template <typename Run>
void guarded(TF_OpKernelContext* context, Run run) {
  try {
    run();
  } catch (const std::exception& error) {
    Status status = newStatus();
    TF_SetStatus(status.get(), TF_INVALID_ARGUMENT, error.what());
    TF_OpKernelContext_Failure(context, status.get());
  }
}

struct Registered {
  std::function<void(TF_OpKernelContext*, Flags)> compute;
  std::vector<std::string> flags;
};

constexpr int kMost = 32;
int registered = 0;

// Made by the first registration, whichever file that is in.
Registered& kernelOf(int index) {
  static Registered kernels[kMost];
  return kernels[index];
}

// One of these belongs to each set of attributes.
template <int N>
void* create(TF_OpKernelConstruction* construction) {
  auto* flags = new Flags();
  const std::vector<std::string>& names = kernelOf(N).flags;
  for (size_t i = 0; i < names.size(); i++) {
    unsigned char on = 0;
    Status status = newStatus();
    TF_OpKernelConstruction_GetAttrBool(construction, names[i].c_str(), &on, status.get());
    if (TF_GetCode(status.get()) != TF_OK) TF_OpKernelConstruction_Failure(construction, status.get());
    if (on) flags->set(static_cast<int>(i));
  }
  return flags;
}

template <int N>
void call(void* flags, TF_OpKernelContext* context) {
  guarded(context, [&] { kernelOf(N).compute(context, *static_cast<Flags*>(flags)); });
}

void remove(void* flags) { delete static_cast<Flags*>(flags); }

struct Functions {
  void* (*create)(TF_OpKernelConstruction*);
  void (*call)(void*, TF_OpKernelContext*);
};

template <int... N>
constexpr Functions functionsOf(int n, std::integer_sequence<int, N...>) {
  constexpr Functions functions[] = {{create<N>, call<N>}...};
  return functions[n];
}

}  // namespace

Registration::Registration(const char* name, std::initializer_list<const char*> inputs,
                           std::initializer_list<const char*> outputs, Compute compute) {
  add(name, inputs, outputs, [compute](TF_OpKernelContext* context, Flags) { compute(context); }, {});
}

Registration::Registration(const char* name, std::initializer_list<const char*> inputs,
                           std::initializer_list<const char*> outputs, ComputeFlagged compute,
                           std::initializer_list<const char*> flags) {
  add(name, inputs, outputs, compute, flags);
}

void Registration::add(const char* name, std::initializer_list<const char*> inputs,
                       std::initializer_list<const char*> outputs,
                       std::function<void(TF_OpKernelContext*, Flags)> compute,
                       std::initializer_list<const char*> flags) {
  if (registered == kMost) std::abort();  // raise kMost
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(name);
  for (const char* input : inputs) TF_OpDefinitionBuilderAddInput(definition, input);
  for (const char* out : outputs) TF_OpDefinitionBuilderAddOutput(definition, out);
  for (const char* flag : flags) TF_OpDefinitionBuilderAddAttr(definition, (std::string(flag) + ": bool").c_str());
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, [](TF_ShapeInferenceContext*, TF_Status*) {});
  Status status = newStatus();
  TF_RegisterOpDefinition(definition, status.get());
  check(status);
  kernelOf(registered) = {std::move(compute), {flags.begin(), flags.end()}};
  const auto [create, call] = functionsOf(registered++, std::make_integer_sequence<int, kMost>());
  TF_KernelBuilder* kernel = TF_NewKernelBuilder(name, "CPU", create, call, remove);
  TF_RegisterKernelBuilder(name, kernel, status.get());
  check(status);
}

}  // namespace showtell
