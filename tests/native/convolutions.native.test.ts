/** Frozen convolutions by our kernels, beside TensorFlow's own operations: to 1e-5 of the largest magnitude. */
import { afterEach, describe, expect, it } from 'vitest';
import { describeNative } from '../helpers.js';
import { prepareBackend, tf, withoutKernels } from '../../src/backend/index.js';
import { createEncoder } from '../../src/models/index.js';
import {
  type Activation,
  activations,
  type Convolution,
  convolution,
  EncoderParameters,
  invertedResidual,
  type Layer,
} from '../../src/models/layers/index.js';

const { kernels } = await prepareBackend();

function expectAlike(layer: Layer, shape: [number, number, number, number], what: string): void {
  tf.tidy(() => {
    const x = tf.randomUniform(shape, -2, 2, 'float32', 3) as tf.Tensor4D;
    const own = layer(x);
    const plain = withoutKernels(() => layer(x));
    expect(own.shape, what).toEqual(plain.shape);
    const most = tf.max(tf.abs(plain)).dataSync()[0];
    expect(most, what).toBeGreaterThan(0);
    const error = tf.max(tf.abs(tf.sub(own, plain))).dataSync()[0];
    expect(error / most, what).toBeLessThan(1e-5);
  });
}

await describeNative(() => {
  describe.skipIf(kernels !== 'loaded')('frozen convolutions', () => {
    let parameters: EncoderParameters;
    const layers = () => {
      parameters = new EncoderParameters('test', null, 'none', 7);
      return (
        name: string,
        spec: Pick<Parameters<typeof convolution>[1], 'inputs' | 'outputs' | 'kernel'> &
          Partial<Parameters<typeof convolution>[1]>,
      ): Convolution => convolution(parameters, { name, norm: `${name}.norm`, epsilon: 1e-3, ...spec });
    };
    afterEach(() => parameters.dispose());

    it.each(Object.keys(activations) as Activation[])('1x1 and of few channels, then %s', (activation) => {
      const layer = layers();
      for (const stride of [1, 2]) {
        for (const [inputs, outputs, kernel] of [
          [37, 50, 1],
          [3, 16, 3],
          [3, 64, 7],
        ]) {
          const name = `${inputs}-${outputs}-${kernel}-${stride}`;
          expectAlike(layer(name, { inputs, outputs, kernel, stride, activation }), [2, 9, 14, inputs], name);
        }
      }
    });

    it.each([1, 3, 40])('in inverted residuals of %i images', (images) => {
      const layer = layers();
      const options = [3, 5].flatMap((kernel) => [1, 2].map((stride) => ({ kernel, stride })));
      for (const { kernel, stride } of options) {
        for (const [expanded, squeezed] of [
          [24, 0],
          [24, 8],
          [56, 0],
          [56, 16],
        ]) {
          for (const activation of ['Relu', 'Relu6', 'HardSwish'] as const) {
            const name = `${expanded} ${squeezed} ${kernel}x${kernel}/${stride} ${activation}`;
            const one = (part: string, inputs: number, outputs: number, then: Activation = 'None') =>
              layer(`${name}.${part}`, { inputs, outputs, kernel: 1, activation: then });
            const squeeze = squeezed > 0 && {
              fc1: one('fc1', expanded, squeezed, 'Relu'),
              fc2: one('fc2', squeezed, expanded, 'HardSigmoid'),
            };
            const depthwise = {
              inputs: expanded,
              outputs: expanded,
              kernel,
              stride,
              depthwise: true,
              activation,
            };
            const block = invertedResidual(parameters, {
              expand: expanded === 24 ? undefined : one('expand', 24, expanded, activation),
              depthwise: layer(`${name}.depthwise`, depthwise),
              squeeze: squeeze || undefined,
              project: one('project', expanded, stride === 1 ? 24 : 40),
              residual: stride === 1,
            });
            expectAlike(block, [images, 9, 14, 24], name);
          }
        }
      }
    });

    it('of a fold of BatchNorm, in each encoder and up to each stage of it', () => {
      layers();
      for (const name of ['mobilenet_v2', 'mobilenet_v3_small', 'resnet18']) {
        const before = tf.memory().numTensors;
        const encoder = createEncoder({ name, state: null, train: 'none', seed: 1 });
        for (const stage of encoder.stages.slice(0, 6)) {
          expectAlike((x) => encoder.forward(x, stage), [2, 45, 70, 3], `${name} ${stage}`);
        }
        encoder.dispose();
        expect(tf.memory().numTensors).toBe(before);
      }
    });
  });
});
