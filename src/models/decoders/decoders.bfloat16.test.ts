import { expect, test } from 'vitest';
import { hasKernels, tf, withoutKernels } from '../../backend/index.js';
import {
  byLength,
  golden,
  goldenBatch,
  goldenDecoder,
  goldenFeatures,
} from '../../../tests/decoders/parity.js';
import { describeNative, goldenValues } from '../../../tests/helpers.js';

const kinds = ['plain_lstm', 'soft_attention'] as const;

/** Largest difference, as a share of the largest magnitude. */
function difference(found: tf.Tensor, wanted: tf.Tensor): number {
  const most = tf.max(tf.abs(wanted)).dataSync()[0];
  return tf.max(tf.abs(tf.sub(found, wanted))).dataSync()[0] / Math.max(most, 1e-8);
}

function bfloat16Cases(): void {
  test.each(kinds)('%s: our kernels round as the products of TensorFlow do', (kind) => {
    const decoder = goldenDecoder(kind);
    const run = () => decoder.lossAndGradients(goldenFeatures(kind, byLength), goldenBatch(kind));
    const [own, plain] = [run(), withoutKernels(run)];
    expect(difference(own.loss, plain.loss)).toBeLessThan(1e-4);
    for (const [name, gradient] of own.gradients) {
      if (name === 'attention.full_attn.bias') continue; // zero
      // A number between two bfloat16 may be rounded up here and down there.
      expect(difference(gradient, plain.gradients.get(name)!), name).toBeLessThan(5e-3);
    }
  });

  test.each(kinds)('%s: steps stay near float32', (kind) => {
    const decoder = goldenDecoder(kind);
    const run = () => {
      const start = decoder.start(goldenFeatures(kind, byLength));
      const rows = Object.values(start.tensors)[0].shape[0];
      return decoder.step(start, tf.fill([rows], 5, 'int32')).logits;
    };
    const [own, plain] = [run(), withoutKernels(run)];
    if (hasKernels()) expect(difference(own, plain)).toBeGreaterThan(0);
    expect(difference(own, plain)).toBeLessThan(0.02);
  });

  test.each(kinds)('%s in bfloat16 stays near PyTorch in float32', (kind) => {
    const decoder = goldenDecoder(kind);
    const { loss, gradients } = decoder.lossAndGradients(goldenFeatures(kind, byLength), goldenBatch(kind));
    const [expected] = golden[kind].adam.steps;
    // Each product rounds to 8 bits, 0.2 %, and a gradient passes through many of them.
    expect(Math.abs(loss.dataSync()[0] / expected.loss - 1)).toBeLessThan(0.003);
    for (const [name, gradient] of gradients) {
      const { absmax, index } = expected.clipped_grads[name];
      if (absmax < 1e-8) continue;
      const values = decoder.toTorch(name, gradient).data;
      goldenValues(expected.clipped_grads[name]).forEach((value, i) => {
        expect(Math.abs(values[index ? index[i] : i] - value) / absmax, name).toBeLessThan(0.03);
      });
    }
  });
}

await describeNative(bfloat16Cases, { precision: 'bfloat16' });
