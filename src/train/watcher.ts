/**
 * Says which process of a training died, and what was saved: one that is killed cannot, and those that wait for it in MPI's
 * calls are killed by the launcher. `watch` starts this file as a process of its own; it ends with the pipe from its parent.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DONE = 'done';

/** @returns what ends the watch without a word */
export function watch(output: string, rank: number): () => void {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), output, String(rank)], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true, // the launcher kills a whole group
  });
  child.unref();
  return () => child.stdin!.end(DONE);
}

/** What was saved last, for people. */
function lastSave(output: string): string {
  try {
    const { position } = JSON.parse(readFileSync(join(output, 'state', 'state.json'), 'utf8')) as {
      position: { epoch: number; batch: number; step: number };
    };
    return `it was last saved in epoch ${position.epoch} behind batch ${position.batch}, step ${position.step}; go on with showtell train --resume ${output}`;
  } catch {
    return 'it was not saved yet';
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [output, rank] = process.argv.slice(2);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  let heard = '';
  process.stdin.on('data', (chunk: Buffer) => (heard += chunk.toString()));
  process.stdin.on('end', () => {
    if (heard !== DONE) {
      process.stderr.write(`error: rank ${rank} of the training in ${output} died; ${lastSave(output)}\n`);
    }
  });
}
