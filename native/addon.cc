// A Node addon without functions: loading it makes the kernels known to TensorFlow, which is in the process by then.
#include <node_api.h>

NAPI_MODULE_INIT() { return exports; }
