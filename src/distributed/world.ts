/** The processes that train together. */

export interface World {
  /** Which of them this one is, from 0. */
  readonly rank: number;
  readonly size: number;
  /** Adds up the values of all processes, in place. All call it alike, as with everything below. */
  sum(values: Float32Array): void;
  /** Puts the values of rank 0 in place. */
  broadcast(values: Float32Array): void;
  /** What each of them gives, by rank. */
  gather(text: string): string[];
  /** To be called once, when all is done. */
  end(): void;
}

/** One process by itself. */
export const alone: World = {
  rank: 0,
  size: 1,
  sum: () => undefined,
  broadcast: () => undefined,
  gather: (text) => [text],
  end: () => undefined,
};

/** Where a launcher says how many processes it started, and which one this is. */
const launchers = [
  {
    name: 'Open MPI',
    rank: 'OMPI_COMM_WORLD_RANK',
    size: 'OMPI_COMM_WORLD_SIZE',
    local: 'OMPI_COMM_WORLD_LOCAL_RANK',
  },
  { name: 'MPICH', rank: 'PMI_RANK', size: 'PMI_SIZE', local: 'MPI_LOCALRANKID' },
  { name: 'SLURM', rank: 'SLURM_PROCID', size: 'SLURM_STEP_NUM_TASKS', local: 'SLURM_LOCALID' },
] as const;

export interface Launch {
  /** Who started the processes. */
  by: string;
  rank: number;
  size: number;
  /** Among the processes on this machine. */
  localRank: number;
}

/** How this process was started; undefined: alone. */
export function launchOf(environment: NodeJS.ProcessEnv): Launch | undefined {
  for (const { name, rank, size, local } of launchers) {
    const count = Number(environment[size] ?? 1);
    if (environment[rank] === undefined || !(count > 1)) continue;
    return {
      by: name,
      rank: Number(environment[rank]),
      size: count,
      localRank: Number(environment[local] ?? 0),
    };
  }
  return undefined;
}
