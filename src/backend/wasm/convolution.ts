/**
 * Convolutions for WebAssembly: small ones faster than by TensorFlow.js' kernel, three gradients that it lacks, and
 * Conv2DBackpropInput, whose own loop takes about ten times as long. Channels last, no dilation, as everywhere here.
 *
 * Letters: B images, H x W input, C input channels, K x L filter, O output channels, H' x W' output, s stride.
 */
import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { tf } from '../tf.js';
import { replaceKernel, wrapKernel } from './replace.js';
import { runSimdKernel } from './simd.js';
import type { WasmBackend } from './types.js';

interface ConvolutionAttributes {
  strides: number | [number, number];
  pad: 'same' | 'valid' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  dataFormat?: 'NHWC' | 'NCHW';
  dilations?: number | [number, number];
}

type Shape = [number, number, number, number];
type ConvolutionInfo = ReturnType<typeof tf.backend_util.computeConv2DInfo>;
type GradientKernel = (call: {
  inputs: Record<string, TensorInfo>;
  attributes: ConvolutionAttributes & { inputShape: Shape; filterShape: Shape };
  backend: WasmBackend;
}) => tf.Tensor;

export function registerConvolutions(): void {
  wrapKernel(tf.Conv2D, withSmallFilters);
  const kernels: Record<string, GradientKernel> = {
    [tf.Conv2DBackpropInput]: conv2dInput,
    [tf.Conv2DBackpropFilter]: conv2dFilter,
    [tf.DepthwiseConv2dNativeBackpropInput]: depthwiseInput,
    [tf.DepthwiseConv2dNativeBackpropFilter]: depthwiseFilter,
  };
  for (const [kernelName, kernel] of Object.entries(kernels)) {
    replaceKernel(kernelName, ({ inputs, attrs, backend }) =>
      tf.tidy(() =>
        kernel({
          inputs: inputs as Record<string, TensorInfo>,
          attributes: attrs as unknown as Parameters<GradientKernel>[0]['attributes'],
          backend: backend as WasmBackend,
        }),
      ),
    );
  }
}

/** Numbers of a filter up to which ours is faster than TensorFlow.js' (XNNPACK's), which lays filters out anew. */
const SMALL_FILTER = 2 ** 16;

/** Conv2D by our kernel where the filter is small and one thread computes; ours has no threads. */
function withSmallFilters(original: KernelFunc): KernelFunc {
  return (parameters) => {
    const { x, filter } = parameters.inputs as { x: TensorInfo; filter: TensorInfo };
    const attributes = parameters.attrs as unknown as ConvolutionAttributes;
    const { dataFormat = 'NHWC', dilations = 1 } = attributes;
    const backend = parameters.backend as WasmBackend;
    const [K, L, , O] = filter.shape;
    const small = K * L > 1 && O >= 8 && tf.util.sizeFromShape(filter.shape) <= SMALL_FILTER;
    if (
      !small ||
      backend.wasm.wasmMemory ||
      dataFormat !== 'NHWC' ||
      [dilations].flat().some((one) => one !== 1)
    ) {
      return original(parameters);
    }
    const info = describe('conv2d', attributes, x.shape as Shape, filter.shape as Shape);
    const padded = padInput(backend, x, info, L);
    const out = backend.makeOutput([info.batchSize, info.outHeight, info.outWidth, O], 'float32');
    runSimdKernel(
      backend,
      'convolution',
      [padded, filter, out],
      [...padded.shape, ...[info.outHeight, info.outWidth, O, K, L, info.strideHeight, info.strideWidth]],
    );
    if (padded !== x) padded.dispose();
    return out;
  };
}

/** dy (B, H', W', O), filter (K, L, C, O) -> (B, H, W, C): dy, spread by the stride, with the filter flipped. */
const conv2dInput: GradientKernel = ({ inputs: { dy, filter }, attributes, backend }) => {
  const info = describe('conv2d', attributes, attributes.inputShape, filter.shape as Shape);
  return tf.conv2d(spread(backend, dy, info), turned(backend, filter), 1, 'valid'); // (B, H, W, C)
};

/** (K, L, C, O) -> (K, L, O, C), flipped both ways: `tf.reverse` alone takes several times as long. */
function turned(backend: WasmBackend, filter: TensorInfo): tf.Tensor4D {
  const [K, L, C, O] = filter.shape;
  const out = backend.makeOutput([K, L, O, C], 'float32');
  const [from, to] = [backend.typedArrayFromHeap(filter), backend.typedArrayFromHeap(out)];
  for (let tap = 0, at = 0; tap < K * L; tap++) {
    const first = (K * L - 1 - tap) * C * O;
    for (let c = 0; c < C; c++) {
      for (let o = 0; o < O; o++, at++) to[first + o * C + c] = from[at];
    }
  }
  return tf.engine().makeTensorFromTensorInfo(out) as tf.Tensor4D;
}

/** x (B, H, W, C), dy (B, H', W', O) -> (K, L, C, O) */
const conv2dFilter: GradientKernel = ({ inputs: { x, dy }, attributes, backend }) => {
  const info = describe('conv2d', attributes, x.shape as Shape, attributes.filterShape);
  const { filterHeight: K, filterWidth: L, strideHeight, strideWidth, padInfo } = info;
  const out = backend.makeOutput(attributes.filterShape, 'float32');
  runSimdKernel(
    backend,
    'convolution_filter_gradient',
    [x, dy, out],
    [...x.shape, ...dy.shape.slice(1), ...[K, L, strideHeight, strideWidth, padInfo.top, padInfo.left]],
  );
  return tf.engine().makeTensorFromTensorInfo(out);
};

/** dy (B, H', W', C), filter (K, L, C, 1) -> (B, H, W, C) */
const depthwiseInput: GradientKernel = ({ inputs: { dy, filter }, attributes, backend }) => {
  const info = describe('depthwiseConv2d', attributes, attributes.inputShape, filter.shape as Shape);
  const flipped = tf.reverse(filter as tf.Tensor4D, [0, 1]); // (K, L, C, 1)
  return tf.depthwiseConv2d(spread(backend, dy, info), flipped, 1, 'valid'); // (B, H, W, C)
};

/** Taps of a filter's row that are summed in one pass over dy, which saves reading it for each. */
const TAPS = 3;

/**
 * x (B, H, W, C), dy (B, H', W', C) -> (K, L, C, 1). A loop of JavaScript: a depthwise convolution with dy as its
 * filter is slower, because filters of that size have no kernel of their own.
 */
const depthwiseFilter: GradientKernel = ({ inputs: { x, dy }, attributes, backend }) => {
  const info = describe('depthwiseConv2d', attributes, x.shape as Shape, attributes.filterShape);
  const { batchSize, filterHeight: K, filterWidth: L, inChannels: C, outHeight, outWidth } = info;
  const columns = Math.ceil(L / TAPS) * TAPS;
  const padded = padInput(backend, x, info, columns); // (B, (H' - 1) s + K, (W' - 1) s + columns, C)
  const [, height, width] = padded.shape;
  const out = backend.makeOutput([K, L, C, 1], 'float32');
  const pixels = backend.typedArrayFromHeap(padded);
  const gradients = backend.typedArrayFromHeap(dy);
  const sums = new Float64Array(K * columns * C);
  const step = info.strideWidth * C;
  for (let row = 0; row < batchSize * outHeight; row++) {
    const image = Math.floor(row / outHeight);
    const top = image * height + (row % outHeight) * info.strideHeight;
    for (let k = 0; k < K; k++) {
      for (let l = 0; l < columns; l += TAPS) {
        const to = (k * columns + l) * C;
        for (let c = 0; c < C; c++) {
          let [first, second, third] = [0, 0, 0];
          let at = ((top + k) * width + l) * C + c;
          let from = row * outWidth * C + c;
          for (let j = 0; j < outWidth; j++) {
            const gradient = gradients[from];
            first += pixels[at] * gradient;
            second += pixels[at + C] * gradient;
            third += pixels[at + 2 * C] * gradient;
            at += step;
            from += C;
          }
          sums[to + c] += first;
          sums[to + C + c] += second;
          sums[to + 2 * C + c] += third;
        }
      }
    }
  }
  const values = backend.typedArrayFromHeap(out);
  for (let k = 0; k < K; k++) values.set(sums.subarray(k * columns * C, (k * columns + L) * C), k * L * C);
  return tf.engine().makeTensorFromTensorInfo(out);
};

function describe(
  operation: 'conv2d' | 'depthwiseConv2d',
  { strides, pad, dimRoundingMode, dataFormat = 'NHWC', dilations = 1 }: ConvolutionAttributes,
  inputShape: Shape,
  filterShape: Shape,
): ConvolutionInfo {
  const depthwise = operation === 'depthwiseConv2d';
  const refuse = (what: string) => {
    throw new Error(`the gradient of ${operation} on WebAssembly supports only ${what}`);
  };
  if (dataFormat !== 'NHWC') refuse(`channels last, not ${dataFormat}`);
  if ([dilations].flat().some((dilation) => dilation !== 1)) refuse(`dilation 1, not ${String(dilations)}`);
  if (depthwise && filterShape[3] !== 1) refuse(`one filter a channel, not ${filterShape[3]}`);
  return tf.backend_util.computeConv2DInfo(
    inputShape,
    filterShape,
    strides,
    1,
    pad,
    dimRoundingMode,
    depthwise,
  );
}

/** dy (B, H', W', O) -> (B, H + K - 1, W + L - 1, O): where each element of dy meets the whole filter. */
function spread(backend: WasmBackend, dy: TensorInfo, info: ConvolutionInfo): tf.Tensor4D {
  return place(backend, dy, {
    height: info.inHeight + info.filterHeight - 1,
    width: info.inWidth + info.filterWidth - 1,
    top: info.filterHeight - 1 - info.padInfo.top,
    left: info.filterWidth - 1 - info.padInfo.left,
    rowStep: info.strideHeight,
    columnStep: info.strideWidth,
  });
}

/**
 * x (B, H, W, C) -> (B, (H' - 1) s + K, (W' - 1) s + columns, C): padded, without what no output sees.
 * @param columns of the filter; more than it has give more zeros
 */
function padInput(backend: WasmBackend, x: TensorInfo, info: ConvolutionInfo, columns: number): tf.Tensor4D {
  return place(backend, x, {
    height: (info.outHeight - 1) * info.strideHeight + info.filterHeight,
    width: (info.outWidth - 1) * info.strideWidth + columns,
    top: info.padInfo.top,
    left: info.padInfo.left,
    rowStep: 1,
    columnStep: 1,
  });
}

interface Place {
  height: number;
  width: number;
  top: number;
  left: number;
  rowStep: number;
  columnStep: number;
}

/**
 * (B, h, w, C) -> zeros (B, height, width, C) with pixel (i, j) at (top + i rowStep, left + j columnStep); what falls
 * outside is left out. One pass, where `tf.pad` after interleaving takes three.
 */
function place(backend: WasmBackend, x: TensorInfo, target: Place): tf.Tensor4D {
  const { height, width, top, left, rowStep, columnStep } = target;
  const [batch, rows, columns, channels] = x.shape;
  const unchanged = rowStep === 1 && columnStep === 1 && top === 0 && left === 0;
  if (unchanged && height === rows && width === columns) return x as tf.Tensor4D;
  const out = backend.makeOutput([batch, height, width, channels], 'float32');
  const values = backend.typedArrayFromHeap(out).fill(0);
  const pixels = backend.typedArrayFromHeap(x);
  const first = Math.max(0, Math.ceil(-left / columnStep));
  const last = Math.min(columns - 1, Math.floor((width - 1 - left) / columnStep));
  // With neighbours side by side a whole row is one copy.
  const run = columnStep === 1 ? last - first + 1 : 1;
  for (let line = 0; line < batch * rows; line++) {
    const row = top + (line % rows) * rowStep;
    if (row < 0 || row >= height) continue;
    const to = Math.floor(line / rows) * height + row;
    for (let column = first; column <= last; column += run) {
      const from = (line * columns + column) * channels;
      const at = (to * width + left + column * columnStep) * channels;
      values.set(pixels.subarray(from, from + run * channels), at);
    }
  }
  return tf.engine().makeTensorFromTensorInfo(out) as tf.Tensor4D;
}
