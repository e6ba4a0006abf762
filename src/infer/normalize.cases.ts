/** ToTensor and Normalize on the device, run on each backend by the test files beside. */
import { beforeAll, expect, it } from 'vitest';
import { prepareBackend, tf, type BackendName } from '../backend/index.js';
import { imageSchema } from '../config/index.js';
import { normalizePixels } from './features.js';

export function normalizeCases(backend: BackendName): void {
  beforeAll(async () => void (await prepareBackend({ backend })));

  it('normalises every byte of every channel, rounding to float32 at each step as PyTorch does', () => {
    const image = imageSchema.parse({ resize: [16, 16], crop: null });
    const pixels = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => Math.floor(i / 3));
    const tensor = normalizePixels(pixels, image);
    expect(tensor.shape).toEqual([1, 16, 16, 3]);
    expect(tensor.dtype).toBe('float32');
    const f = Math.fround;
    const { mean, std } = image;
    const expected = Float32Array.from(pixels, (v, i) => f(f(f(v / 255) - f(mean[i % 3])) / f(std[i % 3])));
    expect(tensor.dataSync()).toEqual(expected);
    tensor.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });
}
