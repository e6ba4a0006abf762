/** The processes that train together. */

/** How numbers travel: bfloat16 takes half the bytes. */
export type Wire = 'float32' | 'bfloat16';

/** A sum over all processes that is under way. */
export interface PendingSum {
  /** Gives the library time to go on with it. @returns whether it is done */
  advance(): boolean;
  /** Waits until it is done. */
  finish(): void;
}

export interface World {
  /** Which of them this one is, from 0. */
  readonly rank: number;
  readonly size: number;
  /** How many of them run on this machine. */
  readonly localSize: number;
  /** Adds up the values of all processes, in place. All call it alike, as with everything below. */
  sum(values: Float32Array): void;
  /**
   * Starts such a sum; the values are not to be touched until it is done, and the same in all processes then, to the bit.
   * By bfloat16 each process rounds its values, they are added up as float32, and the sum is rounded: it is off by at
   * most 2^-8 of the sum of the values' magnitudes and 2^-8 of itself, whatever the number of processes.
   * @param values fewer than 2^31, in memory of their own: V8 moves arrays of up to 64 bytes that have none
   */
  startSum(values: Float32Array, wire: Wire): PendingSum;
  /** Puts the values of rank 0 in place. */
  broadcast(values: Float32Array): void;
  /** What each of them gives, by rank. */
  gather(text: string): string[];
  /** What each of them gives, fewer than 2^31 bytes, by rank; rank 0 alone gets it, the others none. */
  collect(bytes: Uint8Array): Uint8Array[];
  /** To be called once, when all is done; a process that exits before it ends all of them. */
  end(): void;
}

/** The ranks that give something else than rank 0. All call it alike. */
export function differing(world: Pick<World, 'gather'>, own: string): number[] {
  const all = world.gather(own);
  return all.flatMap((one, rank) => (one === all[0] ? [] : [rank]));
}

/** One process by itself. */
export const alone: World = {
  rank: 0,
  size: 1,
  localSize: 1,
  sum: () => undefined,
  startSum: () => ({ advance: () => true, finish: () => undefined }),
  broadcast: () => undefined,
  gather: (text) => [text],
  collect: (bytes) => [bytes],
  end: () => undefined,
};

/** Where a launcher says how many processes it started, which one this is, and the same for this machine. */
const launchers = [
  { by: 'Open MPI', names: 'OMPI_COMM_WORLD_RANK _SIZE _LOCAL_RANK _LOCAL_SIZE' },
  { by: 'MPICH', names: 'PMI_RANK PMI_SIZE MPI_LOCALRANKID MPI_LOCALNRANKS' },
  { by: 'SLURM', names: 'SLURM_PROCID SLURM_STEP_NUM_TASKS SLURM_LOCALID SLURM_STEP_TASKS_PER_NODE' },
].map(({ by, names }) => ({
  by,
  names: names.split(' ').map((name) => (name.startsWith('_') ? `OMPI_COMM_WORLD${name}` : name)),
}));

export interface Launch {
  /** Who started the processes. */
  by: string;
  rank: number;
  size: number;
  /** Among the processes on this machine. */
  localRank: number;
  localSize: number;
}

/** How this process was started; undefined: alone. */
export function launchOf(environment: NodeJS.ProcessEnv): Launch | undefined {
  for (const { by, names } of launchers) {
    const [rank, size, localRank, localSize] = names.map((name) => environment[name]);
    if (rank === undefined || !(Number(size) > 1)) continue;
    return {
      ...{ by, rank: Number(rank), size: Number(size) },
      ...{
        localRank: Number(localRank ?? 0),
        localSize: onThisNode(localSize ?? '1', Number(environment.SLURM_NODEID ?? 0)),
      },
    };
  }
  return undefined;
}

/** Processes of a node, from a number, or from SLURM's list of all nodes, as in `4(x2),3`. */
function onThisNode(text: string, node: number): number {
  const counts = text.split(',').flatMap((part) => {
    const [, count, times] = /^(\d+)(?:\(x(\d+)\))?$/.exec(part.trim()) ?? [];
    return count === undefined ? [] : Array<number>(Number(times ?? 1)).fill(Number(count));
  });
  return counts[node] ?? 1;
}

/**
 * The GPU that a process is to see, of those that all on this machine may; each takes another one.
 * @returns a value for CUDA_VISIBLE_DEVICES
 */
export function deviceOf({ localRank }: Launch, visible: string | undefined): string {
  if (visible === undefined) return String(localRank);
  const devices = visible.split(',');
  return devices[localRank % devices.length]; // an empty list hides all
}
