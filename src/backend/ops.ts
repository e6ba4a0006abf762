/** Operations that TensorFlow.js has no function for. */
import { Random } from '../core/index.js';
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
  return tf.tidy(() => {
    const backend = tf.backend() as unknown as NativeKernelBackend;
    const { binding } = backend;
    const dtype = binding.TF_UINT8;
    // TensorFlow.js believes this to be int32; only Cast sees it.
    const raw = backend.createOutputTensor({ id: binding.createTensor(shape, dtype, bytes), shape, dtype });
    const attributes = {
      SrcT: { type: 'uint8' },
      DstT: { type: 'float32' },
      Truncate: { bool: false },
    } as const;
    return nativeOp('Cast', attributes, [raw])[0];
  });
}

/**
 * Numbers uniform in [0, 1) that depend on `seed` (a 32-bit integer) and the shape alone. The two backends draw
 * different numbers from the same seed.
 */
export function randomUniform(shape: number[], seed: number): tf.Tensor {
  if (isNative()) {
    return tf.tidy(() => {
      const key = tf.tensor1d(Int32Array.of(seed | 0, 0x5eed), 'int32'); // (2)
      const attributes = {
        dtype: { type: 'float32' },
        T: { type: 'int32' },
        Tseed: { type: 'int32' },
      } as const;
      return nativeOp('StatelessRandomUniform', attributes, [tf.tensor1d(shape, 'int32'), key])[0];
    });
  }
  const random = Random.from(seed);
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < values.length; i++) {
    // 24 bits: a float32 would round 1 - 2^-32 up to 1.
    values[i] = Math.floor(random.next() * 2 ** 24) / 2 ** 24;
  }
  return tf.tensor(values, shape);
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
 * Runs one of our kernels; shapes and outputs stand in its C++ source.
 * @param outputs how many tensors it returns
 * @throws Error that names the input whose shape does not fit
 */
export function kernel(name: string, inputs: tf.Tensor[], outputs: number): tf.Tensor2D[] {
  return nativeOp(`Showtell${name}`, {}, inputs, outputs) as tf.Tensor2D[];
}

/** log of the sum of exp of each row, (R, V) -> (R). */
export function logSumExp(x: tf.Tensor2D): tf.Tensor1D {
  if (hasKernels()) return kernel('LogSumExp', [x], 1)[0] as tf.Tensor as tf.Tensor1D;
  return tf.logSumExp(x, 1);
}
