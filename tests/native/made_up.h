// The few functions of TensorFlow's C API that kernels call, made-up tensors, and what runs a kernel on them.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"

struct TSL_Status {  // TF_Status by its other name
  TF_Code code = TF_OK;
  std::string message;
};

struct TF_Tensor {
  std::vector<int64_t> shape;
  std::vector<uint32_t>* data;  // the caller's
};

struct Given {
  std::vector<int64_t> shape;
  std::vector<uint32_t> data;
};

struct TF_OpKernelContext {
  std::vector<Given> inputs;
  std::map<int, Given> outputs;
  std::string failure;
};

struct TF_OpKernelConstruction {
  std::set<std::string> flags;
};

struct TF_KernelBuilder {
  std::string name;
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
  void (*remove)(void*);

  void run(std::set<std::string> flags, TF_OpKernelContext* context) const {
    TF_OpKernelConstruction construction{std::move(flags)};
    void* kernel = create(&construction);
    compute(kernel, context);
    remove(kernel);
  }
};

static std::map<std::string, TF_KernelBuilder>& known() {
  static std::map<std::string, TF_KernelBuilder> kernels;
  return kernels;
}

extern "C" {
TF_Status* TF_NewStatus() { return new TF_Status(); }
void TF_DeleteStatus(TF_Status* status) { delete status; }
void TF_SetStatus(TF_Status* status, TF_Code code, const char* message) {
  status->code = code;
  status->message = message;
}
TF_Code TF_GetCode(const TF_Status* status) { return status->code; }
const char* TF_Message(const TF_Status* status) { return status->message.c_str(); }

void TF_GetInput(TF_OpKernelContext* context, int i, TF_Tensor** tensor, TF_Status*) {
  Given& given = context->inputs.at(i);
  *tensor = new TF_Tensor{given.shape, &given.data};
}
TF_Tensor* TF_AllocateOutput(TF_OpKernelContext* context, int index, TF_DataType, const int64_t* dims, int count, size_t bytes,
                             TF_Status*) {
  Given& made = context->outputs[index];
  made.shape.assign(dims, dims + count);
  made.data.assign(bytes / 4, 0x7fc00000u);  // NaN: what a kernel leaves out shows
  return new TF_Tensor{made.shape, &made.data};
}
void TF_DeleteTensor(TF_Tensor* tensor) { delete tensor; }
int64_t TF_Dim(const TF_Tensor* tensor, int axis) { return tensor->shape.at(axis); }
int TF_NumDims(const TF_Tensor* tensor) { return static_cast<int>(tensor->shape.size()); }
int64_t TF_TensorElementCount(const TF_Tensor* tensor) { return static_cast<int64_t>(tensor->data->size()); }
void* TF_TensorData(const TF_Tensor* tensor) { return tensor->data->data(); }
void TF_OpKernelContext_Failure(TF_OpKernelContext* context, TF_Status* status) { context->failure = status->message; }

TF_OpDefinitionBuilder* TF_NewOpDefinitionBuilder(const char*) { return nullptr; }
void TF_OpDefinitionBuilderAddInput(TF_OpDefinitionBuilder*, const char*) {}
void TF_OpDefinitionBuilderAddOutput(TF_OpDefinitionBuilder*, const char*) {}
void TF_OpDefinitionBuilderSetShapeInferenceFunction(TF_OpDefinitionBuilder*,
                                                     void (*)(TF_ShapeInferenceContext*, TF_Status*)) {}
void TF_RegisterOpDefinition(TF_OpDefinitionBuilder*, TF_Status*) {}
void TF_OpDefinitionBuilderAddAttr(TF_OpDefinitionBuilder*, const char*) {}
void TF_OpKernelConstruction_GetAttrBool(TF_OpKernelConstruction* construction, const char* name, TF_Bool* on, TF_Status*) {
  *on = construction->flags.count(name) > 0;
}
void TF_OpKernelConstruction_Failure(TF_OpKernelConstruction*, TF_Status*) {}
TF_KernelBuilder* TF_NewKernelBuilder(const char* name, const char*, void* (*create)(TF_OpKernelConstruction*),
                                      void (*compute)(void*, TF_OpKernelContext*), void (*remove)(void*)) {
  return new TF_KernelBuilder{name, create, compute, remove};
}
void TF_RegisterKernelBuilder(const char*, TF_KernelBuilder* builder, TF_Status*) {
  known()[builder->name] = *builder;
  delete builder;
}
}

static std::mt19937 generator(1);

static Given floats(std::vector<int64_t> shape, float scale = 1) {
  Given given{shape, {}};
  int64_t count = 1;
  for (int64_t size : shape) count *= size;
  std::uniform_real_distribution<float> uniform(-scale, scale);
  for (int64_t i = 0; i < count; i++) {
    const float value = uniform(generator);
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    given.data.push_back(bits);
  }
  return given;
}

static Given integers(std::vector<int32_t> values) {
  return {{static_cast<int64_t>(values.size())}, std::vector<uint32_t>(values.begin(), values.end())};
}

static Given numbers(const std::vector<float>& values) {
  Given given{{static_cast<int64_t>(values.size())}, std::vector<uint32_t>(values.size())};
  std::memcpy(given.data.data(), values.data(), 4 * values.size());
  return given;
}

static void fail(const std::string& what) {
  std::printf("failed: %s\n", what.c_str());
  std::exit(1);
}

// Runs a kernel with some of its flags on.
static std::map<int, Given> runAny(const std::string& name, std::vector<Given> inputs, std::set<std::string> flags) {
  TF_OpKernelContext context{std::move(inputs), {}, ""};
  known().at(name).run(std::move(flags), &context);
  if (!context.failure.empty()) fail(name + ": " + context.failure);
  return context.outputs;
}

// The same; every number that it gives must be finite.
static std::map<int, Given> run(const std::string& name, std::vector<Given> inputs, std::set<std::string> flags = {}) {
  const auto outputs = runAny(name, std::move(inputs), std::move(flags));
  for (const auto& [index, output] : outputs) {
    for (uint32_t bits : output.data) {
      float value;
      std::memcpy(&value, &bits, 4);
      if (!std::isfinite(value)) fail(name + ": output " + std::to_string(index) + " is not finite");
    }
  }
  return outputs;
}

// A kernel must refuse, and say which input it is.
static void refuses(const std::string& name, std::vector<Given> inputs, const std::string& word) {
  TF_OpKernelContext context{std::move(inputs), {}, ""};
  known().at(name).run({}, &context);
  if (context.failure.find(word) == std::string::npos) fail(name + " took a wrong " + word + ": " + context.failure);
}

// Two bfloat16 side by side may look like no number.
static Given packed(const Given& y, std::set<std::string> flags = {}) { return runAny("ShowtellPack", {y}, std::move(flags))[0]; }

static float numberOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

static float rounded(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return numberOf((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000);
}
