import { expect, test } from 'vitest';
import {
  byLength,
  golden,
  goldenBatch,
  goldenDecoder,
  goldenFeatures,
} from '../../../tests/decoders/parity.js';
import { describeNative, goldenValues } from '../../../tests/helpers.js';

function bfloat16Cases(): void {
  test.each(['plain_lstm', 'soft_attention'] as const)(
    '%s in bfloat16 stays near PyTorch in float32',
    (kind) => {
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
    },
  );
}

await describeNative(bfloat16Cases, { precision: 'bfloat16' });
