/** The original's modules, imported, against PyTorch's numbers, on the backend that is in use. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { tf } from '../../src/backend/index.js';
import { createImported, readDecoder, readVocabulary } from '../../src/checkpoint/index.js';
import { decode } from '../../src/infer/index.js';
import type { Decoder } from '../../src/models/index.js';
import { golden, goldenFeatures, parityCases, type GoldenKind } from './parity.js';

const folder = fileURLToPath(new URL('../goldens/torch/', import.meta.url));

export function importedCases(): void {
  const decoders = new Map<GoldenKind, Decoder>();
  beforeAll(async () => {
    for (const kind of ['plain_lstm', 'soft_attention'] as const) {
      decoders.set(kind, createImported(await readDecoder(join(folder, `module_${kind}.pt`))));
    }
  });

  describe('imported modules', () => {
    parityCases((kind) => decoders.get(kind)!);
  });

  test('greedy captions in the words of vocab.pkl', () => {
    const vocabulary = readVocabulary(join(folder, 'vocab.pkl'));
    const words = ['<pad>', '<unk>', '<eos>', '<bos>'].concat(
      (JSON.parse(readFileSync(join(folder, 'vocab.json'), 'utf8')) as string[]).slice(4),
    );
    expect(vocabulary.words).toEqual(words);
    const rows: number[][] = golden.soft_attention.greedy;
    const features = goldenFeatures('soft_attention');
    // The golden goes on after the end, and so has the words of a caption only up to there.
    const captions = decode(decoders.get('soft_attention')!, features, { maxWords: 12, unknownWords: true });
    rows.forEach((row, i) => {
      const end = row.indexOf(golden.special.eos);
      const ids = end < 0 ? row : row.slice(0, end);
      const [caption] = captions[i];
      expect(caption.finished).toBe(end >= 0);
      expect(caption.ids.map((id) => vocabulary.wordOf(id))).toEqual(ids.map((id) => words[id]));
    });
  });

  test('no tensor is left behind', async () => {
    const tensors = tf.memory().numTensors;
    createImported(await readDecoder(join(folder, 'module_plain_lstm.pt'))).dispose();
    expect(tf.memory().numTensors).toBe(tensors);
  });
}
