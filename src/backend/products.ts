/**
 * Matrix products in the precision that the backend was prepared for. With `bfloat16` both factors are rounded to bfloat16
 * (8 bits of precision) and multiplied with float32 sums; everything else stays float32. On CPUs our own kernel does that
 * (native/product.cc), by AVX-512's instruction for bfloat16 (VDPBF16PS) where there is one, else as float32. GPUs and CPUs with
 * AMX have units for it, which TensorFlow uses while training: their product is rounded once more, as by PyTorch's autocast. Without
 * our kernels other CPUs multiply the rounded factors as float32 as well. oneDNN's own switch for this
 * (ONEDNN_DEFAULT_FPMATH_MODE) has an effect only where the CPU has AMX.
 */
import { currentBackend, isNative } from './backend.js';
import { hasKernels, kernel } from './ops.js';
import { tf } from './tf.js';

export interface MatrixProducts {
  /** x y, either factor transposed first if so wanted: (a, b) (b, c) -> (a, c), float32 */
  matMul(x: tf.Tensor2D, y: tf.Tensor2D, transposeX?: boolean, transposeY?: boolean): tf.Tensor2D;
  /** x y + bias, (a, b) (b, c) (c) -> (a, c) */
  affine(x: tf.Tensor2D, y: tf.Tensor2D, bias: tf.Tensor): tf.Tensor2D;
  /** Frees the factors that were rounded, transposed or laid out anew. */
  dispose(): void;
}

/**
 * Products that prepare each factor once, however often it is used: keep one object for computations that use the same
 * matrices again and again, and dispose of it before a matrix changes.
 */
export function matrixProducts(): MatrixProducts {
  if (!isNative()) return new WebAssemblyProducts();
  if (kernelsMultiply()) return new KernelProducts(inBfloat16());
  return inBfloat16() ? new Bfloat16Products(hasUnits()) : new NativeProducts();
}

/** Whether our own kernel computes the products. */
export function kernelsMultiply(): boolean {
  return hasKernels() && !(inBfloat16() && hasUnits());
}

/** Whether factors of products are rounded. */
export function inBfloat16(): boolean {
  return currentBackend().precision === 'bfloat16';
}

/** Whether the device has units for products of bfloat16 that only TensorFlow uses. */
function hasUnits(): boolean {
  const { device, cpuFeatures } = currentBackend();
  return device === 'GPU' || cpuFeatures.includes('amx_bf16');
}

abstract class SimpleProducts implements MatrixProducts {
  abstract matMul(x: tf.Tensor2D, y: tf.Tensor2D, transposeX?: boolean, transposeY?: boolean): tf.Tensor2D;

  affine(x: tf.Tensor2D, y: tf.Tensor2D, bias: tf.Tensor): tf.Tensor2D {
    return tf.tidy(() => tf.add<tf.Tensor2D>(this.matMul(x, y), bias));
  }

  dispose(): void {}
}

class NativeProducts extends SimpleProducts {
  matMul(x: tf.Tensor2D, y: tf.Tensor2D, transposeX = false, transposeY = false): tf.Tensor2D {
    return tf.matMul(x, y, transposeX, transposeY);
  }
}

/** Products by our own kernel, which reads right factors laid out in its order: those that come again are kept so. */
class KernelProducts implements MatrixProducts {
  private readonly none = tf.keep(tf.zeros([0]));
  /** By the factor's numbers, and which matrix they are: null where it was seen once. */
  private readonly seen = new Map<object, Map<string, tf.Tensor | null>>();

  constructor(private readonly bfloat16: boolean) {}

  matMul(x: tf.Tensor2D, y: tf.Tensor2D, transposeX = false, transposeY = false): tf.Tensor2D {
    return this.product(x, y, transposeX, transposeY, this.none);
  }

  affine(x: tf.Tensor2D, y: tf.Tensor2D, bias: tf.Tensor): tf.Tensor2D {
    return this.product(x, y, false, false, bias);
  }

  private product(x: tf.Tensor2D, y: tf.Tensor2D, tx: boolean, ty: boolean, bias: tf.Tensor): tf.Tensor2D {
    const flags = { transpose_x: tx, transpose_y: ty, rounded: this.bfloat16 };
    return kernel('Product', [x, y, this.packed(y, ty), bias], 1, flags)[0];
  }

  private packed(y: tf.Tensor2D, transpose: boolean): tf.Tensor {
    let views = this.seen.get(y.dataId);
    if (!views) this.seen.set(y.dataId, (views = new Map<string, tf.Tensor | null>()));
    const view = `${y.shape.join('x')}${transpose ? " '" : ''}`;
    const known = views.get(view);
    if (known) return known;
    const again = known === null;
    const packed = again ? tf.keep(packFactor(y, transpose, this.bfloat16)) : null;
    views.set(view, packed);
    return packed ?? this.none;
  }

  dispose(): void {
    this.none.dispose();
    for (const views of this.seen.values())
      tf.dispose([...views.values()].filter((tensor) => tensor !== null));
    this.seen.clear();
  }
}

/**
 * x y + bias by our kernel, with a right factor that was laid out before.
 * @param packed of `packFactor(y, transposeY, inBfloat16())`; absent: y is read as it lies
 */
export function kernelAffine(
  x: tf.Tensor2D,
  y: tf.Tensor2D,
  bias: tf.Tensor,
  packed: tf.Tensor = tf.zeros([0]),
  transposeY = false,
): tf.Tensor2D {
  const flags = { transpose_x: false, transpose_y: transposeY, rounded: inBfloat16() };
  return kernel('Product', [x, y, packed, bias], 1, flags)[0];
}

/** A right factor as our kernels read it. @param y (b, c), or (c, b) that is transposed */
export function packFactor(y: tf.Tensor2D, transpose = false, bfloat16 = false): tf.Tensor {
  return kernel('Pack', [y], 1, { transpose, rounded: bfloat16 })[0];
}

/**
 * Its fast kernel knows no transposed factors; the other one is some twenty times slower. A right factor is transposed
 * once, and so the backend lays it out for its kernel once.
 */
class WebAssemblyProducts extends SimpleProducts {
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

  override dispose(): void {
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

class Bfloat16Products extends SimpleProducts {
  private readonly backend = tf.backend() as unknown as NativeBackend;
  /** By the factor's numbers and shape. */
  private readonly rounded = new Map<object, Map<string, number>>();

  /** @param units whether the product is computed of bfloat16 numbers, or of float32 numbers that were rounded to it */
  constructor(private readonly units: boolean) {
    super();
  }

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
    let views = this.rounded.get(x.dataId);
    if (!views) this.rounded.set(x.dataId, (views = new Map<string, number>()));
    const known = views.get(x.shape.join());
    if (known !== undefined) return known;
    let { id } = this.cast(this.backend.getInputTensorIds([x])[0], FLOAT, BFLOAT16);
    if (!this.units) {
      const widened = this.cast(id, BFLOAT16, FLOAT);
      this.backend.binding.deleteTensor(id);
      id = widened.id;
    }
    views.set(x.shape.join(), id);
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

  override dispose(): void {
    for (const views of this.rounded.values()) {
      for (const id of views.values()) this.backend.binding.deleteTensor(id);
    }
    this.rounded.clear();
  }
}
