/** Feature stores that several processes build together. Skipped where there is no mpirun. */
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageSchema } from '../../src/config/index.js';
import { silentLog } from '../../src/core/index.js';
import { FeatureStore, type FeatureStoreOptions } from '../../src/data/index.js';
import { mpirun, reason } from './mpirun.js';

const room = (name: string) =>
  JSON.stringify(fileURLToPath(new URL(`../../dist/${name}/index.js`, import.meta.url)));

/** A process of a build; it prints how many images it encoded, and the grey of each image of the store. */
const program = `
  import { joinWorld } from ${room('distributed')};
  import { FeatureStore } from ${room('data')};
  import { writeFileSync } from 'node:fs';
  const { slow, pids, ofRank = [], ...given } = JSON.parse(process.argv[1]);
  const world = await joinWorld(process.env);
  const options = { ...given, ...ofRank[world.rank] };
  if (pids) writeFileSync(pids + world.rank, String(process.pid));
  const log = { info() {}, warn: (line) => world.rank === 0 && console.error(line), progress: () => ({ update() {}, end() {} }) };
  let encoded = 0;
  try {
    const store = await FeatureStore.openOrBuild({
      ...options, log, team: world,
      async encode(pixels, count) {
        if (slow) await new Promise((resolve) => setTimeout(resolve, slow));
        encoded += count;
        return Float32Array.from({ length: count * 8 }, (_, i) => pixels[Math.floor(i / 8) * 12] / 256);
      },
    });
    const greys = [];
    for (const image of options.images) if (store.has(image)) greys.push([image, ...(await store.read([image]))]);
    const all = world.gather(JSON.stringify({ encoded, greys, skipped: store.skipped })).map((text) => JSON.parse(text));
    if (world.rank === 0) console.log(JSON.stringify(all));
    world.end();
    process.exit(0);
  } catch (error) {
    console.error(error.name + ': ' + error.message);
    process.exit(1);
  }
`;

interface Built {
  encoded: number;
  /** Name and features. */
  greys: [string, ...number[]][];
  skipped: { image: string }[];
}

let folder: string;
const images = Array.from({ length: 40 }, (_, i) => `image${String(i).padStart(2, '0')}.png`);

beforeAll(async () => {
  if (reason) return;
  folder = mkdtempSync(join(tmpdir(), 'showtell-store-'));
  for (const [i, name] of images.entries()) {
    const background = { r: 5 + 6 * i, g: 0, b: 0 };
    await sharp({ create: { width: 2, height: 2, channels: 3, background } })
      .png()
      .toFile(join(folder, name));
  }
  // The same content in a batch of another process, and in one's own.
  copyFileSync(join(folder, images[0]), join(folder, images[10]));
  copyFileSync(join(folder, images[1]), join(folder, images[2]));
  writeFileSync(join(folder, 'broken.png'), 'no image');
});

afterAll(() => {
  if (!reason) rmSync(folder, { recursive: true, force: true });
});

const imageConfig = imageSchema.parse({ resize: [2, 2], crop: null });
const optionsOf = (cache: string, names = images) => ({
  directory: join(folder, cache),
  key: { encoder: 'toy', weightsHash: 'w', stage: null, kind: 'map' as const, image: imageConfig },
  images: names,
  imageDirectory: folder,
  imageConfig,
  featureShape: [4, 2],
  batchSize: 3,
  onBadImage: 'error' as FeatureStoreOptions['onBadImage'],
});

function build(processes: number, options: object) {
  const child = spawn('mpirun', [
    ...[...mpirun, '-n', String(processes)],
    ...[process.execPath, '--input-type=module', '-e', program, JSON.stringify(options)],
  ]);
  let [out, said] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return new Promise<{ code: number | null; said: string; built: Built[] }>((resolve) =>
    child.on('close', (code) => {
      resolve({ code, said, built: code === 0 ? (JSON.parse(out) as Built[]) : [] });
    }),
  );
}

/** By one process. */
async function builtByOne(cache: string): Promise<[string, ...number[]][]> {
  const store = await FeatureStore.openOrBuild({
    ...optionsOf(cache),
    log: silentLog,
    encode: (pixels, count) =>
      Float32Array.from({ length: count * 8 }, (_, i) => pixels[Math.floor(i / 8) * 12] / 256),
  });
  const greys: [string, ...number[]][] = [];
  for (const image of images) greys.push([image, ...(await store.read([image]))]);
  store.close();
  return greys;
}

const fileOf = (cache: string, name: string) =>
  readFileSync(join(folder, cache, readdirSync(join(folder, cache))[0], name));
const linesOf = (cache: string) => fileOf(cache, 'journal.txt').toString().trim().split('\n').length;
const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);

describe.skipIf(reason)('a feature store', { timeout: 60_000 }, () => {
  it.each([2, 4])('built by %i processes holds what one process would store', async (processes) => {
    const cache = `by ${processes}`;
    const { code, said, built } = await build(processes, optionsOf(cache));
    expect({ code, said }).toEqual({ code: 0, said: '' });
    const expected = await builtByOne('by one');
    expect(expected[39][1]).toBe((5 + 6 * 39) / 256);
    for (const { greys, encoded } of built) {
      expect(greys).toEqual(expected);
      // 14 batches of at most 3.
      expect(encoded).toBeGreaterThanOrEqual(3 * Math.floor(14 / processes) - 3);
      expect(encoded).toBeLessThanOrEqual(3 * Math.ceil(14 / processes));
    }
    expect(sum(built.map(({ encoded }) => encoded))).toBeLessThanOrEqual(images.length);
    expect(linesOf(cache)).toBe(images.length);
    const again = await build(processes, optionsOf(cache));
    expect(again.built.map(({ encoded }) => encoded)).toEqual(Array(processes).fill(0));
    expect(again.built[processes - 1].greys).toEqual(expected);
  });

  it('is, without two images alike, the same file to the byte', async () => {
    const different = images.filter((_, i) => i !== 10 && i !== 2);
    await build(3, optionsOf('bytes by 3', different));
    await build(1, optionsOf('bytes by one', different));
    const [a, b] = ['bytes by 3', 'bytes by one'].map((cache) => fileOf(cache, 'shard-00000.f16'));
    expect(a.length).toBe(different.length * 16);
    expect(a.equals(b)).toBe(true);
  });

  it('goes on where a build ended whose process was killed', async () => {
    const pids = join(folder, 'pid');
    const ended = build(3, { ...optionsOf('killed'), slow: 1500, pids });
    const journal = () => {
      const store = existsSync(join(folder, 'killed')) ? readdirSync(join(folder, 'killed'))[0] : undefined;
      return store !== undefined && existsSync(join(folder, 'killed', store, 'journal.txt'));
    };
    while (!journal()) await new Promise((resolve) => setTimeout(resolve, 20));
    process.kill(Number(readFileSync(`${pids}1`, 'utf8')), 'SIGKILL');
    expect((await ended).code).not.toBe(0);
    const stored = linesOf('killed');
    expect(stored).toBeGreaterThan(0);
    expect(stored).toBeLessThan(images.length);
    const { code, built } = await build(2, optionsOf('killed'));
    expect(code).toBe(0);
    expect(sum(built.map(({ encoded }) => encoded))).toBeLessThanOrEqual(images.length - stored);
    const expected = await builtByOne('by one');
    for (const { greys } of built) expect(greys).toEqual(expected);
  });

  it('takes what an earlier start checked where all processes can, and checks again where one cannot', async () => {
    const known = { imageSet: 'a1b2' };
    const expected = await builtByOne('by one');
    const ofRank = [undefined, [known, known], [known, {}], [{}, known], [known, known]];
    for (const [start, more] of ofRank.entries()) {
      const { code, built } = await build(2, { ...optionsOf('checked'), ofRank: more });
      expect(code).toBe(0);
      expect(sum(built.map(({ encoded }) => encoded)) > 0).toBe(start === 0);
      for (const { greys } of built) expect(greys).toEqual(expected);
    }
  });

  it('is not mixed of the features of processes that differ', async () => {
    const key = { ...optionsOf('mixed').key, weightsHash: 'x' };
    const { code, said } = await build(3, { ...optionsOf('mixed'), ofRank: [{}, { key }] });
    expect(code).toBe(1);
    expect(said).toMatch(/UserError: rank 1 wants other features than rank 0/);
    for (const store of readdirSync(join(folder, 'mixed'))) {
      expect(existsSync(join(folder, 'mixed', store, 'journal.txt'))).toBe(false);
    }
  });

  it('names a bad image, keeps the others, or leaves it out in all processes', async () => {
    const names = [...images.slice(0, 4), 'broken.png', ...images.slice(4)];
    const refused = await build(3, optionsOf('bad', names));
    expect(refused.code).toBe(1);
    expect(refused.said).toMatch(/UserError: .*broken\.png cannot be decoded/);
    expect(linesOf('bad')).toBe(8); // the first turn of each of 3: 9 images without the bad one
    const { code, built, said } = await build(3, { ...optionsOf('bad', names), onBadImage: 'skip' });
    expect(code).toBe(0);
    expect(said).toMatch(/1 of 41 images were left out/);
    for (const { greys, skipped } of built) {
      expect(skipped.map(({ image }) => image)).toEqual(['broken.png']);
      expect(greys.map(([image]) => image)).toEqual(images);
    }
  });
});
