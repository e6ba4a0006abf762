/** Whether an addon computes: found out in a process of its own, which a broken library may crash. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../paths.js';
import { SetupFailure } from './failure.js';
import type { World } from './world.js';

/** What an addon that computes says about itself. */
export interface CheckedAddon {
  /** TensorFlow's. */
  version: string;
  usesGpu: boolean;
}

/** Cold pages of 850 MB on a slow disk, or the first start on a GPU, take their time. */
const patienceMs = 180_000;

/**
 * Loads the addon, and our kernels if they are given, in a child process that runs a matrix product and a gradient.
 * Throws a SetupFailure.
 */
export async function checkAddon(world: World, addon: string, kernels?: string): Promise<CheckedAddon> {
  if (!existsSync(addon)) throw new SetupFailure('check', `${addon} is missing`);
  // Always the compiled one: Node 20 does not run TypeScript.
  const script = join(packageRoot(), 'dist', 'backend', 'setup', 'check-child.js');
  const { code, signal, stdout, output } = await world.run(
    [process.execPath, script, addon, ...(kernels ? [kernels] : [])],
    {
      environment: { TF_CPP_MIN_LOG_LEVEL: '2', NODE_OPTIONS: undefined },
      timeoutMs: patienceMs,
    },
  );
  if (code === 0) {
    const answer = stdout.split('\n').findLast((line) => line.startsWith('{'));
    if (answer) return JSON.parse(answer) as CheckedAddon;
  }
  const lines = output.split('\n').filter((line) => line.trim());
  const why =
    signal === 'SIGILL'
      ? 'this processor lacks instructions it was built for (AVX)'
      : signal === 'SIGKILL'
        ? `it did not finish within ${patienceMs / 1000} s, or was killed for memory`
        : signal
          ? `it crashed with ${signal}`
          : (lines.find((line) => /Error: /.test(line)) ?? lines.at(-1) ?? `exit code ${code}`);
  throw new SetupFailure('check', `TensorFlow does not compute here: ${why.trim()}`);
}
