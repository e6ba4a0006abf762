/** The demo in small: everything it writes, with a model that has no time to learn. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLog } from '../src/core/index.js';
import { runDemo } from '../src/demo/index.js';

let directory: string;
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'showtell-demo-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const demo = (out: string, more: { checkpoint?: string; signal?: AbortSignal } = {}) =>
  runDemo({
    directory: join(directory, out),
    cacheDirectory: join(directory, 'cache'),
    log: silentLog,
    counts: { train: 24, validation: 8, test: 8, seed: 1 },
    overrides: ['training.epochs=1', 'text.minCount=1', 'image.resize=[32, 32]', 'decoder.hidden=16'],
    ...more,
  });

it('draws, trains, scores, captions with a checkpoint, writes one report, and may run again', async () => {
  const first = await demo('a', { checkpoint: join(directory, 'none') });
  const html = readFileSync(first!.report, 'utf8');
  expect(html).toContain('is not there, so no pictures were captioned');
  expect(html).toContain('test-0000.png');
  expect(first!.greedy.captions).toHaveLength(8);
  expect(existsSync(join(directory, 'a', 'training', 'best', 'model.safetensors'))).toBe(true);

  const again = await demo('a', { checkpoint: join(directory, 'a', 'training', 'best') }).catch(
    (error) => error,
  );
  // Its own checkpoint was deleted before it was needed, so it was trained anew: same seed, same scores.
  expect(again.greedy.scores).toEqual(first!.greedy.scores);
  expect(readFileSync(again.report, 'utf8')).toContain('A brown dog runs over grass');
});

it('leaves a directory alone that holds something else', async () => {
  writeFileSync(join(directory, 'mine.txt'), 'mine');
  await expect(demo('.')).rejects.toThrow(/holds something else than a demo/);
  expect(readFileSync(join(directory, 'mine.txt'), 'utf8')).toBe('mine');
});

it('ends without a report when it is interrupted', async () => {
  await expect(demo('b', { signal: AbortSignal.abort() })).rejects.toThrow(/aborted/);
  expect(existsSync(join(directory, 'b', 'report.html'))).toBe(false);
});
