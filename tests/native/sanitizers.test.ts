/**
 * Our kernels (native/) by themselves, under the sanitizers of the compiler: reads and writes out of bounds, overflows, shapes
 * that do not fit. Skipped with a message where no compiler with sanitizers, or no header of TensorFlow, is found.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kernelSources } from '../../src/backend/kernels.js';
import { runtimeDirectory } from '../../src/backend/runtime.js';

const headers = join(runtimeDirectory(process.env, 'cpu'), 'tensorflow', 'include');
const harness = fileURLToPath(new URL('harness.cc', import.meta.url));
const compiler = process.env.CXX?.trim() || 'c++';
const sanitize = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

function run(command: string, argv: string[], input = '') {
  return spawnSync(command, argv, {
    input,
    encoding: 'utf8',
    // The threads of the pool live as long as the process: they are not leaks.
    env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0', TF_NUM_INTRAOP_THREADS: '3' },
  });
}

function whyNot(): string | undefined {
  if (!existsSync(join(headers, 'tensorflow', 'c', 'kernels.h')))
    return 'no header of TensorFlow is in the cache';
  const trial = run(compiler, ['-x', 'c++', ...sanitize, '-', '-o', '/dev/null'], 'int main() { return 0; }');
  return trial.status === 0 ? undefined : `${compiler} with sanitizers does not work here`;
}

const reason = whyNot();
if (reason) process.stderr.write(`the kernels are not run under sanitizers: ${reason}\n`);

/** Instructions that every processor of the kind has, and all that this one has. */
const instructions: [string, string[]][] = [
  ['any processor', []],
  ['this processor', ['-march=native']],
];

describe.skipIf(reason)('under sanitizers', () => {
  let folder: string;

  function compile(argv: string[]): void {
    const include = ['-I', join(kernelSources()[0], '..'), '-I', headers];
    const built = run(compiler, ['-std=c++17', '-g', '-fopenmp-simd', ...sanitize, ...include, ...argv]);
    expect(built.stderr).not.toMatch(/error:/);
  }

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'showtell-kernels-'));
    // Its sums are many: worth optimising.
    compile(['-Og', '-c', harness, '-o', join(folder, 'harness.o')]);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(instructions)(
    'kernels for %s read and write only what is theirs, and refuse shapes that do not fit',
    (_, flags) => {
      const program = join(folder, 'harness');
      const sources = kernelSources().filter((file) => file.endsWith('.cc') && basename(file) !== 'addon.cc');
      compile([...flags, ...sources, join(folder, 'harness.o'), '-o', program, '-lpthread']);
      const { status, stdout, stderr } = run(program, []);
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'ok\n', stderr: '' });
    },
  );
});
