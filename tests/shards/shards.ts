/** Tar shards of drawn photos, and a tiny checkpoint that captions them. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { Random } from '../../src/core/index.js';
import { openParquet, readParquet } from '../../src/data/index.js';
import type { CaptionRow } from '../../src/infer/index.js';
import { runCommand } from '../command-line.js';
import { writeTinyCheckpoint } from '../serving/tiny-checkpoint.js';

export const SHARDS = 24;
const IMAGES = 8; // of a shard

export const image = (shard: number, i: number) =>
  `${String(shard).padStart(2, '0')}${String(i).padStart(3, '0')}`;

export async function writeTar(path: string, files: readonly (readonly [string, Buffer])[]): Promise<void> {
  const archive = pack();
  for (const [name, content] of files) archive.entry({ name }, content);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  writeFileSync(path, Buffer.concat(chunks));
}

/** Files of an output folder, but for notes; unfinished ones too. */
export const outputs = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name !== '_showtell')
    .sort();

export async function rowsOf(file: string): Promise<CaptionRow[]> {
  if (file.endsWith('.jsonl')) {
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    return lines.map((line) => JSON.parse(line) as CaptionRow);
  }
  const rows = await readParquet(await openParquet(file));
  return rows.map(({ log_probability, ...row }) => ({
    ...row,
    logProbability: log_probability,
  })) as CaptionRow[];
}

/** Name of the file and its bytes. */
export const contents = (folder: string) =>
  outputs(folder).map((name) => [name, readFileSync(join(folder, name)).toString('base64')]);

/**
 * Writes `model`, `tars`, and `photos`, the same ones as files, to a temporary folder, and captions all of them in one go
 * to `whole-jsonl` and `whole-parquet`.
 */
export async function writeShards() {
  const directory = mkdtempSync(join(tmpdir(), 'showtell-shards-'));
  const at = (...parts: string[]) => join(directory, ...parts);
  await writeTinyCheckpoint(at('model'));
  for (const folder of ['tars', 'photos']) mkdirSync(at(folder));
  const random = Random.from('shards');
  for (let shard = 0; shard < SHARDS; shard++) {
    const files: [string, Buffer][] = [];
    for (let i = 0; i < IMAGES; i++) {
      const [r, g, b] = [0, 0, 0].map(() => random.integer(256));
      const photo = sharp({ create: { width: 40, height: 30, channels: 3, background: { r, g, b } } });
      const bytes = await photo.png().toBuffer();
      writeFileSync(at('photos', `${image(shard, i)}.png`), bytes);
      const name = image(shard, i);
      files.push(
        [`${name}.png`, bytes],
        [`${name}.txt`, Buffer.from('text')],
        [`${name}.json`, Buffer.from('{}')],
      );
    }
    await writeTar(at('tars', `${String(shard).padStart(5, '0')}.tar`), files);
  }
  const showtell = (...argv: string[]) =>
    runCommand(['caption', '--checkpoint', at('model'), '--max-words', '5', ...argv], { ...process.env });
  const whole = (format: string) => at(`whole-${format}`);
  for (const format of ['jsonl', 'parquet']) {
    const argv = ['--input', at('tars', '*.tar'), '--output', whole(format), '--format', format];
    const { code, err } = await showtell(...argv);
    if (code !== 0 || !err.endsWith('finished: 24 of 24 shards, 192 images\n')) throw new Error(err);
  }
  return {
    at,
    whole,
    /** `showtell caption` with that model, in this process. */
    showtell,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
