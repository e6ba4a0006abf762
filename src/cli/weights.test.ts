import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../tests/command-line.js';
import { prepareBackend } from '../backend/index.js';
import { encoders, createEncoder, writeSafetensors } from '../models/index.js';

const folder = mkdtempSync(join(tmpdir(), 'showtell-weights-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (...argv: string[]) =>
  runCommand(['weights', ...argv], {
    SHOWTELL_CACHE: join(folder, 'cache'),
    SHOWTELL_WEIGHTS_URL: join(folder, 'mirror'),
  });

describe('showtell weights', () => {
  it('lists every encoder that has published weights', async () => {
    const { out } = await run('list');
    const names = Object.keys(encoders).filter((name) => encoders[name].weights);
    expect(
      out
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split(' ')[0]),
    ).toEqual(names);
    expect(JSON.parse((await run('list', '--json')).out)).toHaveLength(names.length);
  });

  it('pulls from a mirror, verifies, and refuses another file of the same name', async () => {
    const { url, sha256 } = encoders.resnet18.weights!;
    const name = url.split('/').at(-1)!;
    expect((await run('pull', 'resnet18')).err).toContain(`there is no file ${join(folder, 'mirror', name)}`);
    mkdirSync(join(folder, 'mirror'), { recursive: true });
    writeFileSync(join(folder, 'mirror', name), 'not these');
    const { code, err } = await run('pull', 'resnet18');
    const found = createHash('sha256').update('not these').digest('hex').slice(0, 8);
    expect(code).toBe(1);
    expect(err).toContain(`its SHA-256 begins with ${found}, not ${sha256}`);
    expect(existsSync(join(folder, 'cache', 'weights', name))).toBe(false);
    // A file that carries the right name and hash: the registry is told so for a moment.
    const weights = encoders.resnet18.weights as { sha256: string };
    weights.sha256 = found;
    try {
      const target = join(folder, 'cache', 'weights', name);
      expect(await run('pull', 'resnet18')).toEqual({ code: 0, out: `${target}\n`, err: '' });
      expect(readFileSync(target, 'utf8')).toBe('not these');
      rmSync(join(folder, 'mirror'), { recursive: true });
      expect((await run('pull', 'resnet18')).code).toBe(0); // there already
      writeFileSync(target, 'damaged');
      expect((await run('pull', 'resnet18')).err).toContain('is not resnet18');
      writeFileSync(join(folder, 'elsewhere.pth'), 'not these');
      expect((await run('pull', 'resnet18', '--from', join(folder, 'elsewhere.pth'))).code).toBe(0);
      expect(readFileSync(target, 'utf8')).toBe('not these');
    } finally {
      weights.sha256 = sha256;
    }
  });

  it('says what a file holds and which encoder it fits', async () => {
    await prepareBackend();
    const encoder = createEncoder({ name: 'small_cnn', state: null, train: 'none', seed: 1 });
    const file = join(folder, 'small.safetensors');
    writeFileSync(file, writeSafetensors(encoder.stateDict(), { dtype: 'F32' }));
    encoder.dispose();
    expect((await run('inspect', file)).out).toContain('conv1.weight  float32  16 x 3 x 3 x 3');
    expect(JSON.parse((await run('inspect', file, '--json')).out)).toMatchObject({ form: 'safetensors' });
    const { code, out } = await run('verify', file);
    expect(code).toBe(0);
    expect(out).toContain("not one of torchvision's files\nfits small_cnn");
    const other = join(folder, 'other.safetensors');
    writeFileSync(
      other,
      writeSafetensors(new Map([['w', { shape: [1], data: Float32Array.of(1) }]]), { dtype: 'F32' }),
    );
    expect(await run('verify', other)).toMatchObject({
      code: 1,
      err: expect.stringContaining('fits no encoder') as string,
    });
    const damaged = join(folder, 'resnet18-f37072fd.pth');
    writeFileSync(damaged, readFileSync(file));
    expect((await run('verify', damaged)).err).toContain(
      'its name promises a SHA-256 that begins with f37072fd',
    );
  });

  it.each([
    [['fetch'], 'there is no "weights fetch"'],
    [['pull'], 'expected `showtell weights pull NAME`'],
    [['pull', 'vgg'], 'there is no encoder "vgg"'],
    [['pull', 'small_cnn'], 'there are no published weights of small_cnn'],
    [['list', '--from', 'x'], '--from belongs to `weights pull`'],
    [['inspect', join(folder, 'none.pth')], 'cannot read'],
  ])('%j ends in an error that says what was wrong', async (argv, message) => {
    const { code, err } = await run(...argv);
    expect(code).toBe(1);
    expect(err).toContain(message);
    expect(err).not.toContain('bug');
  });
});
