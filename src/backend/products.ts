/**
 * Matrix products in the precision that the backend was prepared for. With `bfloat16` both factors are rounded to bfloat16
 * (8 bits of precision) and multiplied with float32 sums; everything else stays float32. GPUs and CPUs with AMX have units
 * for that, whose product is rounded once more, as by PyTorch's autocast. Other CPUs multiply the rounded factors as
 * float32, which is exact and faster than AVX-512's instruction for bfloat16 (VDPBF16PS), where there is one. oneDNN's own
 * switch for this (ONEDNN_DEFAULT_FPMATH_MODE) has an effect only where the CPU has AMX.
 */
import { currentBackend, isNative } from './backend.js';
import { tf } from './tf.js';

export interface MatrixProducts {
  /** x y, either factor transposed first if so wanted: (a, b) (b, c) -> (a, c), float32 */
  matMul(x: tf.Tensor2D, y: tf.Tensor2D, transposeX?: boolean, transposeY?: boolean): tf.Tensor2D;
  /** Frees the factors that were rounded or transposed. */
  dispose(): void;
}

/**
 * Products that round and transpose each factor once, however often it is used: keep one object for computations that use the same
 * matrices again and again, and dispose of it before a matrix changes.
 */
export function matrixProducts(): MatrixProducts {
  if (!isNative()) return new WebAssemblyProducts();
  const { precision, device, cpuFeatures } = currentBackend();
  if (precision !== 'bfloat16') return nativeProducts;
  return new Bfloat16Products(device === 'GPU' || cpuFeatures.includes('amx_bf16'));
}

const nativeProducts: MatrixProducts = {
  matMul: (x, y, tx, ty) => tf.matMul(x, y, tx, ty),
  dispose: () => undefined,
};

/**
 * Its fast kernel knows no transposed factors; the other one is some twenty times slower. A right factor is transposed
 * once, and so the backend lays it out for its kernel once.
 */
class WebAssemblyProducts implements MatrixProducts {
  private readonly turned = new Map<object, tf.Tensor2D>();

  matMul(x: tf.Tensor2D, y: tf.Tensor2D, transposeX = false, transposeY = false): tf.Tensor2D {
    return tf.tidy(() => tf.matMul(transposeX ? tf.transpose(x) : x, transposeY ? this.turn(y) : y));
  }

  private turn(y: tf.Tensor2D): tf.Tensor2D {
    const known = this.turned.get(y.dataId);
    // Another view of the same numbers is another matrix.
    if (known?.shape[1] === y.shape[0]) return known;
    const turned = tf.transpose(y);
    if (!known) this.turned.set(y.dataId, tf.keep(turned));
    return turned;
  }

  dispose(): void {
    tf.dispose([...this.turned.values()]);
    this.turned.clear();
  }
}

/** `DataType` of TensorFlow's types.proto. */
const FLOAT = 1;
const BFLOAT16 = 14;

interface Metadata {
  id: number;
  shape: number[];
  dtype: number;
}

/** The parts of the native backend that know tensors by their number; its own tensors cannot be bfloat16. */
interface NativeBackend {
  readonly binding: {
    readonly TF_ATTR_TYPE: number;
    readonly TF_ATTR_BOOL: number;
    executeOp(name: string, attributes: object[], inputs: number[], outputs: number): Metadata[];
    deleteTensor(id: number): void;
  };
  getInputTensorIds(tensors: tf.Tensor[]): number[];
  createOutputTensor(metadata: Metadata): tf.Tensor;
}

class Bfloat16Products implements MatrixProducts {
  private readonly backend = tf.backend() as unknown as NativeBackend;
  private readonly rounded = new Map<object, number>();

  /** @param units whether the product is computed of bfloat16 numbers, or of float32 numbers that were rounded to it */
  constructor(private readonly units: boolean) {}

  matMul(x: tf.Tensor2D, y: tf.Tensor2D, transposeX = false, transposeY = false): tf.Tensor2D {
    const { binding } = this.backend;
    const type = this.units ? BFLOAT16 : FLOAT;
    const attributes = [
      { name: 'T', type: binding.TF_ATTR_TYPE, value: type },
      { name: 'transpose_a', type: binding.TF_ATTR_BOOL, value: transposeX },
      { name: 'transpose_b', type: binding.TF_ATTR_BOOL, value: transposeY },
    ];
    const [product] = binding.executeOp('MatMul', attributes, [this.round(x), this.round(y)], 1);
    if (!this.units) return this.backend.createOutputTensor(product) as tf.Tensor2D;
    const result = this.backend.createOutputTensor(this.cast(product.id, BFLOAT16, FLOAT));
    binding.deleteTensor(product.id);
    return result as tf.Tensor2D;
  }

  private round(x: tf.Tensor2D): number {
    const known = this.rounded.get(x.dataId);
    if (known !== undefined) return known;
    let { id } = this.cast(this.backend.getInputTensorIds([x])[0], FLOAT, BFLOAT16);
    if (!this.units) {
      const widened = this.cast(id, BFLOAT16, FLOAT);
      this.backend.binding.deleteTensor(id);
      id = widened.id;
    }
    this.rounded.set(x.dataId, id);
    return id;
  }

  private cast(id: number, from: number, to: number): Metadata {
    const { binding } = this.backend;
    const attributes = [
      { name: 'SrcT', type: binding.TF_ATTR_TYPE, value: from },
      { name: 'DstT', type: binding.TF_ATTR_TYPE, value: to },
      { name: 'Truncate', type: binding.TF_ATTR_BOOL, value: false },
    ];
    return binding.executeOp('Cast', attributes, [id], 1)[0];
  }

  dispose(): void {
    for (const id of this.rounded.values()) this.backend.binding.deleteTensor(id);
    this.rounded.clear();
  }
}
