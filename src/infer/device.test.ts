import { expect, test } from 'vitest';
import { prepareInference } from './device.js';

test('bfloat16 is refused where nothing rounds', async () => {
  await prepareInference({ backend: 'wasm', precision: 'float32' });
  await expect(prepareInference({ backend: 'wasm', precision: 'bfloat16' })).rejects.toThrow(
    /bfloat16 need showtell's kernels for the CPU, and wasm \(CPU\) computes/,
  );
});
