/** How the tests start several processes. */
import { spawnSync } from 'node:child_process';

/** Arguments that let Open MPI start processes anywhere, more of them than there are cores. */
export const mpirun = [
  ...['--allow-run-as-root', '--oversubscribe'],
  ...['--mca', 'btl_vader_single_copy_mechanism', 'none'],
];

/** Why there can be none. */
export const reason = spawnSync('mpirun', ['--version']).status === 0 ? undefined : 'there is no mpirun';
if (reason) process.stderr.write(`tests of several processes are skipped: ${reason}\n`);
