/** Encoded images/s, JPEG files to feature store: reading, decoding, resizing, encoding, writing. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareBackend } from '../src/backend/index.js';
import { silentLog } from '../src/core/index.js';
import { openFeatureStore } from '../src/infer/index.js';
import { createEncoder } from '../src/models/index.js';
import { computedOn, rates, type Measurement } from './measure.js';
import { syntheticConfig } from './synthetic.js';

export interface EncodingOptions {
  /** Folder of JPEG files. */
  images: string;
  /** Most files taken of it, in order of name. */
  count: number;
  /** As in the configuration's `image`. */
  resize: number | [number, number];
  crop: number | null;
  warmup: number;
  repeats: number;
}

export async function measureEncoding(options: EncodingOptions): Promise<Measurement> {
  const backend = await prepareBackend();
  const images = readdirSync(options.images)
    .filter((name) => /\.jpe?g$/i.test(name))
    .sort()
    .slice(0, options.count);
  const config = syntheticConfig(
    { type: 'soft-attention', embedding: 8, hidden: 8, attention: 8, dropout: 0 },
    { images: options.images, image: { resize: options.resize, crop: options.crop } },
  );
  const encoder = createEncoder({ name: config.encoder.name, state: null, train: 'none', seed: 1 });
  const values = await rates(options, async () => {
    const cacheDirectory = mkdtempSync(join(tmpdir(), 'showtell-bench-store-'));
    try {
      const output = { stage: null, kind: 'map' } as const;
      const log = silentLog;
      (await openFeatureStore({ config, encoder, ...output, images, log, cacheDirectory })).close();
    } finally {
      rmSync(cacheDirectory, { recursive: true, force: true });
    }
    return images.length;
  });
  return { values, facts: { images: images.length, ...computedOn(backend) } };
}
