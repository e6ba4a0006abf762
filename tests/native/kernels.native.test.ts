/** What our kernels give, beside TensorFlow's own operations: to 1e-5 of the largest magnitude. */
import { beforeAll, describe, expect, it } from 'vitest';
import { describeNative } from '../helpers.js';
import {
  hasKernels,
  kernel,
  logSumExp,
  prepareBackend,
  tf,
  withoutKernels,
} from '../../src/backend/index.js';
import { bestContinuations, likeliest } from '../../src/infer/decoding/continuations.js';
import { activations, type Activation } from '../../src/models/layers/index.js';
import {
  createDecoder,
  type Decoder,
  type DecoderConfig,
  type GradientListener,
} from '../../src/models/decoders/index.js';

const configs: Record<string, DecoderConfig> = {
  lstm: { type: 'lstm', embedding: 9, hidden: 13, layers: 2, dropout: 0.3, outputDropout: 0.3 },
  'soft-attention': { type: 'soft-attention', embedding: 9, hidden: 13, attention: 21, dropout: 0.3 },
};
const VOCABULARY = 70;
const CHANNELS = 19;

const { kernels } = await prepareBackend();
if (kernels !== 'loaded') process.stderr.write(`tests of our kernels are skipped: ${kernels}\n`);

function expectAlike(found: tf.Tensor, wanted: tf.Tensor, what: string): void {
  expect(found.shape, what).toEqual(wanted.shape);
  const [a, b] = [Array.from(found.dataSync()), Array.from(wanted.dataSync())];
  const most = b.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-12);
  const worst = a.reduce((error, value, i) => Math.max(error, Math.abs(value - b[i])), 0);
  expect(worst / most, what).toBeLessThan(1e-5);
}

await describeNative(() => {
  describe.skipIf(kernels !== 'loaded').each(Object.keys(configs))('%s with kernels', (type) => {
    let decoder: Decoder;
    const features = (images: number) =>
      tf.randomUniform(type === 'lstm' ? [images, CHANNELS] : [images, 6, CHANNELS], -2, 2, 'float32', 3);

    beforeAll(() => {
      expect(hasKernels()).toBe(true);
      decoder = createDecoder({
        config: configs[type],
        vocabularySize: VOCABULARY,
        featureChannels: CHANNELS,
        seed: 4,
      });
    });

    it('has the same loss and gradients', () => {
      const lengths = Int32Array.of(7, 7, 4, 1);
      const ids = Int32Array.from({ length: 28 }, (_, i) => 4 + ((i * 17) % 60));
      const batch = { size: 4, steps: 7, inputs: ids, targets: ids.map((id) => id + 1), lengths };
      const run = (listener?: GradientListener) =>
        decoder.lossAndGradients(features(4), batch, {
          ...{ training: true, seed: 5, featureGradient: true, listener },
        });
      const [own, plain] = [run(), withoutKernels(run)];
      expectAlike(own.loss, plain.loss, 'loss');
      expectAlike(own.features!, plain.features!, 'features');
      // Step by step where somebody listens.
      const heard = new Set<string>();
      const listener = { complete: (name: string) => void heard.add(name), meanwhile: () => undefined };
      const stepwise = run(listener);
      expectAlike(stepwise.loss, own.loss, 'loss step by step');
      for (const [name, gradient] of own.gradients) {
        if (name !== 'attention.full_attn.bias') expectAlike(stepwise.gradients.get(name)!, gradient, name);
      }
      expect([...heard].sort()).toEqual([...own.gradients.keys()].sort());
      expect([...own.gradients.keys()]).toEqual([...plain.gradients.keys()]);
      for (const [name, gradient] of own.gradients) {
        if (name === 'attention.full_attn.bias') continue; // zero
        expectAlike(gradient, plain.gradients.get(name)!, name);
      }
    });

    it.each([
      [1, 1],
      [1, 5],
      [3, 2],
      [17, 1],
      [70, 1],
      [30, 3],
      [9, 3],
    ])('steps alike: %i images with %i captions each', (images, captions) => {
      const rows = images * captions;
      const words = tf.tensor1d(
        Array.from({ length: rows }, (_, i) => 4 + (i % 60)),
        'int32',
      );
      const run = () => {
        const start = decoder.start(features(images));
        const index = tf.tensor1d(
          Array.from({ length: rows }, (_, i) => Math.floor(i / captions)),
          'int32',
        );
        let state = decoder.select(start, index);
        state = decoder.step(state, words).state;
        return decoder.step(state, tf.reverse(words));
      };
      const [own, plain] = [run(), withoutKernels(run)];
      expectAlike(own.logits, plain.logits, 'logits');
      for (const name of Object.keys(plain.state.tensors)) {
        expectAlike(own.state.tensors[name], plain.state.tensors[name], name);
      }
      if (plain.attention) expectAlike(own.attention!, plain.attention, 'attention');
    });
  });

  describe.skipIf(kernels !== 'loaded')('kernels', () => {
    it('steps by the weights that the decoder has now, and frees what it laid out', () => {
      const before = tf.memory().numTensors;
      const [decoder, other] = [1, 2].map((seed) =>
        createDecoder({
          ...{ config: configs['soft-attention'], vocabularySize: VOCABULARY, featureChannels: CHANNELS },
          seed,
        }),
      );
      tf.tidy(() => {
        const features = tf.ones([1, 6, CHANNELS]);
        const logits = (of: Decoder) => of.step(of.start(features), tf.tensor1d([5], 'int32')).logits;
        const first = logits(decoder).dataSync();
        decoder.loadState(other.stateDict());
        expect(logits(decoder).dataSync()).toEqual(logits(other).dataSync());
        expect(logits(decoder).dataSync()).not.toEqual(first);
      });
      decoder.dispose();
      other.dispose();
      expect(tf.memory().numTensors).toBe(before);
    });

    it('find the best continuations, of equal ones the first', () => {
      const V = 150;
      const values = Float32Array.from({ length: 6 * V }, (_, i) => ((i * 7919) % 23) / 4); // many are equal
      const logits = tf.tensor2d(values, [6, V]);
      const bans = Float32Array.from({ length: 6 * V }, (_, i) => (i % 5 === 0 || i < 2 * V ? -Infinity : 0));
      const step = { logits, allowed: tf.add<tf.Tensor2D>(logits, tf.tensor2d(bans, [6, V])) };
      const before = tf.tensor2d([-1, -2, -1, -1, -Infinity, -3], [3, 2]);
      for (const count of [1, 6, 200]) {
        const run = () => bestContinuations(step, before, count);
        const [own, plain] = [run(), withoutKernels(run)];
        expect(own.indices.dataSync()).toEqual(plain.indices.dataSync());
        const finite = (x: tf.Tensor) => tf.maximum(x, -1e3);
        expectAlike(finite(own.values), finite(plain.values), 'log-probabilities');
      }
      const [own, plain] = [likeliest(step), withoutKernels(() => likeliest(step))];
      expect(own.words.dataSync()).toEqual(plain.words.dataSync());
      expect(own.words.dataSync()[0]).toBe(0); // `<pad>`, where the rules left nothing
    });

    it('sum exponentials of any size', () => {
      const x = tf.tensor2d([1, 2, 3, -1e30, 88, 88, -Infinity, 0, 5e4], [3, 3]);
      expectAlike(logSumExp(x), tf.logSumExp(x, 1), 'log of the sum of exp');
    });

    it.each(Object.keys(activations) as Activation[])('add biases, then %s', (activation) => {
      const [x, bias] = [tf.randomUniform([2, 3, 5, 19], -9, 9), tf.randomUniform([19], -3, 3)];
      const name = activation === 'None' ? 'Bias' : `Bias${activation}`;
      expectAlike(kernel(name, [x, bias], 1)[0], activations[activation](tf.add(x, bias)), name);
    });

    it('refuse shapes that do not fit, and name them', () => {
      const inputs = [tf.zeros([2, 3]), tf.zeros([4, 5]), tf.zeros([0]), tf.zeros([5])];
      const flags = { transpose_x: false, transpose_y: false, rounded: false };
      expect(() => kernel('Product', inputs, 1, flags)).toThrow(/y is 4 x 5, not 3 x \?/);
    });
  });
});
