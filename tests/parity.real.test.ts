/**
 * Real photos through real weights beside torchvision and Pillow: the file, the pixels, the numbers that enter the
 * encoder, its map and its classes. Needs the folder of shared photos and weights.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { prepareBackend, tf, type BackendName } from '../src/backend/index.js';
import type { ImageConfig } from '../src/config/index.js';
import { decodeImage, resizeAndCrop, stackPixels } from '../src/data/index.js';
import { normalizePixels } from '../src/infer/index.js';
import { createEncoder, encoders, readWeights, type Encoder, type StateDict } from '../src/models/index.js';
import { describeNative, expectClose, readGolden, sharedPath, type GoldenArray } from './helpers.js';

interface Golden {
  input: GoldenArray;
  map: GoldenArray;
  /** Of a file without a classifier. */
  pooled?: GoldenArray;
  /** Classes of ImageNet, best first, and their logits; of a file with a classifier. */
  top5?: number[];
  top5_logits?: number[];
}

const files = {
  mobilenet_v3_small: 'mobilenet_v3_small-imagenet-int8-dequantized',
  mobilenet_v2: 'mobilenet_v2-imagenet-features',
};
const photos = sharedPath('datasets', 'flickr8k', 'images');

/** Relative to the largest magnitude: float32 sums in another order than PyTorch's. */
const TOLERANCE = 1e-4;
/** The pixels are Pillow's; only the rounding of the normalisation may differ. */
const INPUT_TOLERANCE = 1e-6;

function photoCases(name: keyof typeof files, weights: string, backend: BackendName): void {
  const golden = (readGolden(`${name}_real.json`) as { images: Record<string, Golden> }).images;
  const { resize, crop, interpolation, mean, std } = encoders[name].weights!;
  const image: ImageConfig = { resize, crop, interpolation, mean, std };
  let encoder: Encoder;
  beforeAll(async () => {
    await prepareBackend({ backend });
    encoder = createEncoder({ name, state: await readWeights(weights), train: 'none', seed: 0 });
    return () => encoder.dispose();
  });

  /** (1, 224, 224, 3) */
  const preprocessed = async (file: string): Promise<tf.Tensor4D> =>
    normalizePixels(stackPixels([resizeAndCrop(await decodeImage(`${photos}/${file}`), image)]), image);

  it.each(Object.keys(golden))('%s is preprocessed as by torchvision', async (file) => {
    const input = await preprocessed(file);
    expectClose(input.dataSync(), golden[file].input, INPUT_TOLERANCE);
    input.dispose();
  });

  it.each(Object.keys(golden))('%s gives its map, and its mean or its five best classes', async (file) => {
    const { map, pooled, top5, top5_logits } = golden[file];
    const input = await preprocessed(file);
    tf.tidy(() => {
      const features = encoder.forward(input); // (1, 7, 7, C)
      const mean = encoder.pooled(features); // (1, C)
      expectClose(features.dataSync(), map, TOLERANCE);
      if (pooled) expectClose(mean.dataSync(), pooled, TOLERANCE);
      expect(encoder.logits === undefined).toBe(top5 === undefined);
      if (!top5 || !top5_logits) return;
      const values = encoder.logits!(mean).dataSync<'float32'>(); // (1, 1000)
      const best = [...values.keys()].sort((a, b) => values[b] - values[a]).slice(0, 5);
      expect(best).toEqual(top5);
      best.forEach((label, i) =>
        expect(Math.abs(values[label] / top5_logits[i] - 1)).toBeLessThan(TOLERANCE),
      );
    });
    input.dispose();
  });
}

describe.each(Object.entries(files) as [keyof typeof files, string][])('%s', async (name, file) => {
  const weights = sharedPath('weights', `${file}.safetensors`);
  const torchWeights = sharedPath('weights', `${file}.pth`);
  const present = weights && torchWeights && photos;
  if (!present)
    process.stderr.write('parity on real photos is skipped: the shared photos or weights are absent\n');

  it.skipIf(!present)('PyTorch and safetensors files hold the same state dict', async () => {
    const [expected, actual] = (await Promise.all([weights!, torchWeights!].map(readWeights))) as StateDict[];
    expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [key, { shape, data }] of expected) {
      expect(actual.get(key)!.shape, key).toEqual(shape);
      expect(Buffer.from(actual.get(key)!.data.buffer).equals(Buffer.from(data.buffer)), key).toBe(true);
    }
  });

  if (!present) return;
  await describeNative(() => photoCases(name, weights, 'native'));
  describe('WebAssembly', () => photoCases(name, weights, 'wasm'));
});
