import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config/index.js';

const directory = fileURLToPath(new URL('../configs/', import.meta.url));

describe('the recipes in configs/', () => {
  const files = readdirSync(directory);
  it.each(files)('%s loads and is named after its file', (file) => {
    expect(loadConfig(join(directory, file)).name).toBe(file.replace(/\.yaml$/, ''));
  });

  it("hold the original's sizes", () => {
    const { decoder, training } = loadConfig(join(directory, 'original-resnet34-lstm.yaml'));
    expect(decoder).toMatchObject({ type: 'lstm', embedding: 512, hidden: 300, layers: 3, dropout: 0.05 });
    expect(training).toMatchObject({
      captions: 'one-per-image',
      batchSize: 100,
      learningRate: 1e-3,
      clipNorm: 5,
    });
    expect(loadConfig(join(directory, 'original-mobilenetv3-attention.yaml')).decoder).toMatchObject({
      type: 'soft-attention',
      embedding: 1024,
      hidden: 1024,
      attention: 2048,
      dropout: 0.5,
    });
  });
});
