/** Seconds from starting `showtell caption` to its end, with one photo: what a person waits for a first caption. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareBackend } from '../src/backend/index.js';
import { saveCheckpoint } from '../src/checkpoint/index.js';
import { Vocabulary } from '../src/data/index.js';
import { createDecoder, createEncoder } from '../src/models/index.js';
import type { Measurement } from './measure.js';
import { drawPhotos, syntheticConfig, syntheticWords } from './synthetic.js';
import type { DecoderSizes } from './training.js';

export interface StartupOptions {
  /** Folder of the package. */
  root: string;
  /** A trained checkpoint; where it does not exist, an untrained one of `sizes` takes its place. */
  checkpoint: string;
  sizes: DecoderSizes;
  warmup: number;
  repeats: number;
}

export async function measureStartup(options: StartupOptions): Promise<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), 'showtell-bench-startup-'));
  try {
    const trained = existsSync(join(options.checkpoint, 'checkpoint.json'));
    const checkpoint = trained ? options.checkpoint : join(folder, 'untrained');
    if (!trained) await saveUntrained(checkpoint, options.sizes);
    await drawPhotos(folder, 1);
    const argv = ['caption', '--checkpoint', checkpoint, join(folder, 'photo-0000.jpg')];
    const values: number[] = [];
    for (let i = 0; i < options.warmup + options.repeats; i++) {
      const seconds = await run(options.root, argv);
      if (i >= options.warmup) values.push(seconds);
    }
    return { values, facts: { checkpoint: trained ? 'trained' : 'untrained, of the shipped sizes' } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function saveUntrained(directory: string, sizes: DecoderSizes): Promise<void> {
  await prepareBackend();
  const { embedding, hidden, attention, dropout } = sizes;
  const config = syntheticConfig(
    { type: 'soft-attention', embedding, hidden, attention, dropout },
    { training: { checkpointPrecision: 'float16' } },
  );
  const words = syntheticWords(sizes.vocabulary - 4);
  const vocabulary = Vocabulary.build([words], { minCount: 1, maxSize: null });
  saveCheckpoint(directory, {
    config,
    vocabulary,
    encoder: createEncoder({ name: config.encoder.name, state: null, train: 'none', seed: 1 }),
    decoder: createDecoder({
      config: config.decoder,
      vocabularySize: vocabulary.size,
      featureChannels: sizes.channels,
      seed: 1,
    }),
    metrics: null,
  });
}

/** Seconds that the command takes, process start and end included. */
function run(root: string, argv: string[]): Promise<number> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'bin', 'showtell.mjs'), ...argv], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0 && printed.trim() !== '') resolve((performance.now() - began) / 1000);
      else reject(new Error(`showtell ${argv.join(' ')} ended with code ${code}`));
    });
  });
}
