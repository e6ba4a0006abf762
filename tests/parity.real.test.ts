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
  /** Classes of ImageNet, best first, and their logits. */
  top5: number[];
  top5_logits: number[];
}

const name = 'mobilenet_v3_small';
const golden = (readGolden(`${name}_real.json`) as { images: Record<string, Golden> }).images;
const weights = sharedPath('weights', `${name}-imagenet-int8-dequantized.safetensors`);
const torchWeights = sharedPath('weights', `${name}-imagenet-int8-dequantized.pth`);
const photos = sharedPath('datasets', 'flickr8k', 'images');
const present = weights && torchWeights && photos;

/** Relative to the largest magnitude: float32 sums in another order than PyTorch's. */
const TOLERANCE = 1e-4;
/** The pixels are Pillow's; only the rounding of the normalisation may differ. */
const INPUT_TOLERANCE = 1e-6;

const { resize, crop, interpolation, mean, std } = encoders[name].weights!;
const image: ImageConfig = { resize, crop, interpolation, mean, std };

/** (1, 224, 224, 3) */
async function preprocessed(file: string): Promise<tf.Tensor4D> {
  return normalizePixels(stackPixels([resizeAndCrop(await decodeImage(`${photos}/${file}`), image)]), image);
}

function photoCases(backend: BackendName): void {
  let encoder: Encoder;
  beforeAll(async () => {
    await prepareBackend({ backend });
    encoder = createEncoder({ name, state: await readWeights(weights!), train: 'none', seed: 0 });
    return () => encoder.dispose();
  });

  it.each(Object.keys(golden))('%s is preprocessed as by torchvision', async (file) => {
    const input = await preprocessed(file);
    expectClose(input.dataSync(), golden[file].input, INPUT_TOLERANCE);
    input.dispose();
  });

  it.each(Object.keys(golden))('%s gives its map and its five best classes', async (file) => {
    const input = await preprocessed(file);
    const [map, logits] = tf.tidy(() => {
      const features = encoder.forward(input); // (1, 7, 7, 576)
      return [features, encoder.logits!(encoder.pooled(features))]; // (1, 1000)
    });
    expectClose(map.dataSync(), golden[file].map, TOLERANCE);
    const values = logits.dataSync<'float32'>();
    const best = [...values.keys()].sort((a, b) => values[b] - values[a]).slice(0, 5);
    expect(best).toEqual(golden[file].top5);
    best.forEach((label, i) => {
      const expected = golden[file].top5_logits[i];
      expect(Math.abs(values[label] / expected - 1)).toBeLessThan(TOLERANCE);
    });
    tf.dispose([input, map, logits]);
  });
}

if (!present)
  process.stderr.write('parity on real photos is skipped: the shared photos or weights are absent\n');

describe.skipIf(!present)('real photos and weights', async () => {
  it('PyTorch and safetensors files hold the same state dict', async () => {
    const [expected, actual] = (await Promise.all([weights!, torchWeights!].map(readWeights))) as StateDict[];
    expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [key, { shape, data }] of expected) {
      expect(actual.get(key)!.shape, key).toEqual(shape);
      expect(Buffer.from(actual.get(key)!.data.buffer).equals(Buffer.from(data.buffer)), key).toBe(true);
    }
  });

  if (present) await describeNative(() => photoCases('native'));
  describe('WebAssembly', () => photoCases('wasm'));
});
