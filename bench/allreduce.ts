/** Milliseconds of processes that MPI joins on this machine: of their sums, or of whole training steps. */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { DecoderConfig } from '../src/models/index.js';
import type { Wire } from '../src/distributed/index.js';
import type { Measurement } from './measure.js';

interface CommonOptions {
  processes: number;
  wire: Wire;
  warmup: number;
  repeats: number;
}

export interface SumOptions extends CommonOptions {
  work: 'sum';
  /** Size of what is summed, MiB of float32; it is cut into buckets of 4 MiB, all of them under way at a time. */
  mib: number;
}

export interface StepOptions extends CommonOptions {
  work: 'step';
  decoder: DecoderConfig;
  vocabulary: number;
  /** Of an image: (P, C) or (C). */
  features: number[];
  /** Scored targets of each caption of the whole batch, falling. */
  lengths: number[];
}

export type AllreduceOptions = SumOptions | StepOptions;

export const hasMpirun = (): boolean => spawnSync('mpirun', ['--version']).status === 0;

/** For Open MPI: more processes than cores, each of them on all cores, as any user. */
const environment = {
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  OMPI_MCA_rmaps_base_oversubscribe: '1',
  OMPI_MCA_hwloc_base_binding_policy: 'none',
};

/** As rank 0 measures it; a single process is started without MPI. */
export function measureAllreduce(options: AllreduceOptions): Promise<Measurement> {
  const { processes } = options;
  const argv = [fileURLToPath(new URL('./rank.js', import.meta.url)), JSON.stringify(options)];
  const [command, ...first] =
    processes === 1 ? [process.execPath] : ['mpirun', '-n', String(processes), process.execPath];
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...first, ...argv], {
      stdio: ['ignore', 'pipe', process.stderr],
      env: { ...process.env, ...environment },
    });
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    child.on('error', () => reject(new Error(`there is no ${command}: install Open MPI or MPICH`)));
    child.on('close', (code) => {
      if (code !== 0)
        return reject(new Error(`${command} of ${processes} processes ended with code ${code}`));
      resolve(JSON.parse(printed.trim().split('\n').at(-1)!) as Measurement);
    });
  });
}
