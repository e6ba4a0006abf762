/**
 * Gradients of convolutions for WebAssembly, written with its fast forward convolution: three that it lacks, and
 * Conv2DBackpropInput, whose own loop takes about ten times as long. Channels last, no dilation, as everywhere here.
 *
 * Letters: B images, H x W input, C input channels, K x L filter, O output channels, H' x W' output, M channel
 * multiplier, s stride.
 */
import type { KernelFunc, NamedAttrMap } from '@tensorflow/tfjs-core';
import { tf } from '../tf.js';

interface ConvolutionAttributes {
  strides: number | [number, number];
  pad: 'same' | 'valid' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  dataFormat?: 'NHWC' | 'NCHW';
  dilations?: number | [number, number];
  inputShape: [number, number, number, number];
  filterShape: [number, number, number, number];
}

type ConvolutionInfo = ReturnType<typeof tf.backend_util.computeConv2DInfo>;

export function registerConvolutionGradients(): void {
  const kernels: Record<string, KernelFunc> = {
    [tf.Conv2DBackpropInput]: conv2dInput,
    [tf.Conv2DBackpropFilter]: conv2dFilter,
    [tf.DepthwiseConv2dNativeBackpropInput]: depthwiseInput,
    [tf.DepthwiseConv2dNativeBackpropFilter]: depthwiseFilter,
  };
  for (const [kernelName, kernel] of Object.entries(kernels)) {
    tf.unregisterKernelIfAny(kernelName);
    tf.registerKernel({
      kernelName,
      backendName: 'wasm',
      kernelFunc: (parameters) => tf.tidy(() => kernel(parameters) as tf.Tensor),
    });
  }
}
