/** The child process itself; it is the compiled one, which `npm test` brings up to date before. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { addonOf, nativePlaces } from '../candidates.js';
import { packageRoot } from '../paths.js';
import { runtimeDirectory } from '../runtime.js';
import { checkAddon } from './check.js';
import { findCompiler } from './tools.js';
import { realWorld } from './world.js';

const compiled = existsSync(join(packageRoot(), 'dist', 'backend', 'setup', 'check-child.js'));

function addonHere(): string | undefined {
  for (const place of nativePlaces(process.env)) {
    try {
      return addonOf(place, process.env);
    } catch {
      // the next one
    }
  }
  return undefined;
}

it.runIf(compiled && addonHere())('accepts the runtime of this machine', async () => {
  expect(await checkAddon(realWorld(process.env), addonHere()!)).toEqual({
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    usesGpu: expect.any(Boolean),
  });
});

const headers = join(runtimeDirectory(process.env, 'cpu'), 'tensorflow', 'include');
const compiler = await findCompiler(realWorld(process.env)).catch(() => undefined);

it.runIf(existsSync(headers) && compiler)('keeps the headers that kernels of our own need', async () => {
  const source = ['kernels.h', 'kernels_experimental.h', 'ops.h', 'tf_tensor.h', 'eager/c_api.h'];
  const includes = source.flatMap((name) => ['-include', `tensorflow/c/${name}`]);
  const command = [...compiler!, '-std=c++17', '-fsyntax-only', '-I', headers, ...includes];
  const result = await realWorld(process.env).run([...command, '-x', 'c++', '/dev/null']);
  expect(result).toMatchObject({ code: 0 });
});

it.runIf(compiled)('says what the loader says of a file that is no addon', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'showtell-check-'));
  try {
    writeFileSync(join(folder, 'a.node'), 'text');
    await expect(checkAddon(realWorld(process.env), join(folder, 'a.node'))).rejects.toThrow(
      /^TensorFlow does not compute here: Error: .*a\.node/,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it('gives up on a program that never ends', async () => {
  const forever = [process.execPath, '-e', 'setInterval(() => {}, 1000)'];
  const { code, signal } = await realWorld(process.env).run(forever, { timeoutMs: 300 });
  expect([code, signal]).toEqual([null, 'SIGKILL']);
});

it('answers for a program that is not there', async () => {
  const { code, output } = await realWorld(process.env).run(['/nowhere/program']);
  expect(code).toBeNull();
  expect(output).toContain('ENOENT');
});
