/** Operations that TensorFlow.js has no function for. */
import { mix32 } from '../core/index.js';
import { currentBackend, isNative } from './backend.js';
import { tf } from './tf.js';

/** An attribute of a TensorFlow op, tagged with its kind as `ops.pbtxt` names it. */
export type NativeAttribute =
  | { type: 'float32' | 'int32' | 'uint8' | 'bool' }
  | { int: number }
  | { float: number }
  | { bool: boolean }
  | { string: string }
  | { ints: number[] }
  | { shape: number[] };

interface Binding {
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_SHAPE: number;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_UINT8: number;
  readonly TF_BOOL: number;
  createTensor(shape: number[], dtype: number, values: Uint8Array): number;
}

interface NativeKernelBackend {
  readonly binding: Binding;
  createOutputTensor(metadata: { id: number; shape: number[]; dtype: number }): tf.Tensor;
  executeMultipleOutputs(
    name: string,
    attributes: { name: string; type: number; value: unknown }[],
    inputs: tf.Tensor[],
    outputs: number,
  ): tf.Tensor[];
}

/**
 * Runs any TensorFlow op by name; native only. The result has no gradient: wrap it in `tf.customGrad`.
 * @param inputs in the order of the op's definition
 * @param outputs how many tensors the op returns; all must be float32, int32 or bool
 */
export function nativeOp(
  name: string,
  attributes: Record<string, NativeAttribute>,
  inputs: tf.Tensor[],
  outputs = 1,
): tf.Tensor[] {
  if (!isNative()) throw new Error(`nativeOp('${name}') was called on a backend without TensorFlow's ops`);
  const backend = tf.backend() as unknown as NativeKernelBackend;
  const encoded = Object.entries(attributes).map(([key, value]) => ({
    name: key,
    ...encode(value, backend.binding),
  }));
  return backend.executeMultipleOutputs(name, encoded, inputs, outputs);
}

function encode(attribute: NativeAttribute, binding: Binding): { type: number; value: unknown } {
  if ('type' in attribute) {
    const types = {
      float32: binding.TF_FLOAT,
      int32: binding.TF_INT32,
      uint8: binding.TF_UINT8,
      bool: binding.TF_BOOL,
    };
    return { type: binding.TF_ATTR_TYPE, value: types[attribute.type] };
  }
  if ('int' in attribute) return { type: binding.TF_ATTR_INT, value: attribute.int };
  if ('float' in attribute) return { type: binding.TF_ATTR_FLOAT, value: attribute.float };
  if ('bool' in attribute) return { type: binding.TF_ATTR_BOOL, value: attribute.bool };
  if ('string' in attribute) return { type: binding.TF_ATTR_STRING, value: attribute.string };
  if ('ints' in attribute) return { type: binding.TF_ATTR_INT, value: attribute.ints };
  return { type: binding.TF_ATTR_SHAPE, value: attribute.shape };
}

/** Bytes as float32 of the same values. Native TensorFlow converts them, on all its threads. */
export function floatsFromBytes(bytes: Uint8Array, shape: number[]): tf.Tensor {
  if (!isNative()) return tf.tensor(new Float32Array(bytes), shape);
  const attributes = {
    SrcT: { type: 'uint8' },
    DstT: { type: 'float32' },
    Truncate: { bool: false },
  } as const;
  return tf.tidy(() => nativeOp('Cast', attributes, [byteTensor(bytes, shape)])[0]);
}

/** Bytes for TensorFlow's ops that take uint8; TensorFlow.js believes the tensor to be int32. Native only. */
export function byteTensor(bytes: Uint8Array, shape: number[]): tf.Tensor {
  const backend = tf.backend() as unknown as NativeKernelBackend;
  const { binding } = backend;
  const dtype = binding.TF_UINT8;
  return backend.createOutputTensor({ id: binding.createTensor(shape, dtype, bytes), shape, dtype });
}

/**
 * Which numbers of (N, width) are kept: each with probability 1 - `rate`, decided by its row's key and its column alone, on
 * every backend alike. A number's place is hashed by the last steps of MurmurHash3 (Appleby 2008).
 * @param keys of the rows, 32-bit integers, (N)
 * @returns 1 and 0, (N, width)
 */
export function keptNumbers(keys: Int32Array, width: number, rate: number): tf.Tensor2D {
  const columns = Int32Array.from({ length: width }, (_, column) => Math.imul(column + 1, 0x9e3779b1));
  const threshold = Math.round((rate - 0.5) * 2 ** 32); // of a signed integer
  if (!isNative()) {
    const values = new Float32Array(keys.length * width);
    for (let i = 0; i < values.length; i++) {
      values[i] = Number(mix32(keys[Math.floor(i / width)] ^ columns[i % width]) >= threshold);
    }
    return tf.tensor2d(values, [keys.length, width]);
  }
  const T = { T: { type: 'int32' } } as const;
  const integer = (value: number) => tf.scalar(value | 0, 'int32');
  const xor = (x: tf.Tensor, y: tf.Tensor) => nativeOp('BitwiseXor', T, [x, y])[0];
  // Shifts of signed integers draw their sign in.
  const shifted = (x: tf.Tensor, bits: number) =>
    nativeOp('BitwiseAnd', T, [
      nativeOp('RightShift', T, [x, integer(bits)])[0],
      integer(2 ** (32 - bits) - 1),
    ])[0];
  return tf.tidy(() => {
    let x = xor(tf.tensor2d(keys, [keys.length, 1]), tf.tensor1d(columns, 'int32'));
    x = tf.mul(xor(x, shifted(x, 16)), integer(0x85ebca6b));
    x = tf.mul(xor(x, shifted(x, 13)), integer(0xc2b2ae35));
    x = xor(x, shifted(x, 16));
    return tf.cast(tf.greaterEqual(x, integer(threshold)), 'float32') as tf.Tensor2D;
  });
}

let kernelsOff = false;

/** Whether our own kernels (native/) compute here; they are never given a tensor on a GPU. */
export function hasKernels(): boolean {
  if (kernelsOff || !isNative()) return false;
  const { device, kernels } = currentBackend();
  return device === 'CPU' && kernels === 'loaded';
}

/** Runs `work` as if our kernels were not there: what they give is compared with that. */
export function withoutKernels<T>(work: () => T): T {
  kernelsOff = true;
  try {
    return work();
  } finally {
    kernelsOff = false;
  }
}

/**
 * Runs one of our kernels; shapes, outputs and flags stand in its C++ source.
 * @param outputs how many tensors it returns
 * @throws Error that names the input whose shape does not fit
 */
export function kernel(
  name: string,
  inputs: tf.Tensor[],
  outputs: number,
  flags: Record<string, boolean> = {},
): tf.Tensor2D[] {
  const attributes = Object.fromEntries(Object.entries(flags).map(([flag, on]) => [flag, { bool: on }]));
  return nativeOp(`Showtell${name}`, attributes, inputs, outputs) as tf.Tensor2D[];
}

/** log of the sum of exp of each row, (R, V) -> (R). */
export function logSumExp(x: tf.Tensor2D): tf.Tensor1D {
  if (hasKernels()) return kernel('LogSumExp', [x], 1)[0] as tf.Tensor as tf.Tensor1D;
  return tf.logSumExp(x, 1);
}
