/** Which shards a process takes: as it is told, or as the program that started it numbers its processes. */
import { UserError } from '../core/index.js';

export interface Share {
  /** From 0. */
  index: number;
  count: number;
  /** What decided it, for the log. */
  why?: string;
}

interface Found {
  index: number;
  /** Undefined where the environment does not tell. */
  count?: number;
  why: string;
}

type Environment = Record<string, string | undefined>;

/**
 * The options, else the first of: SLURM (array, tasks of a step, or both), Kubernetes (indexed job), MPI, RANK. A count that
 * is given goes with an index of the environment; everything where nothing says otherwise.
 * @throws UserError for an index without a count, or that is not below it
 */
export function shareOf(options: { index?: number; count?: number }, environment: Environment): Share {
  const { index, count } = options;
  if (index !== undefined) {
    if (count === undefined) {
      throw new UserError('--shard-index says which share is taken, but not of how many', {
        hint: 'add --shard-count N',
      });
    }
    return checked({ index, count, why: '--shard-index and --shard-count' });
  }
  const found = slurm(environment) ?? kubernetes(environment) ?? ranks(environment);
  if (!found) {
    if (count === undefined) return { index: 0, count: 1 };
    if (count === 1) return checked({ index: 0, count, why: '--shard-count' });
    throw new UserError(`--shard-count is ${count}, but nothing says which share this process takes`, {
      hint: 'add --shard-index I, from 0',
    });
  }
  const why = count === undefined ? found.why : `--shard-count and ${found.why}`;
  const all = count ?? found.count;
  if (all === undefined) {
    throw new UserError(`${why} says which share is taken, but nothing says of how many`, {
      hint:
        found.why.startsWith('JOB_COMPLETION_INDEX') === true
          ? "Kubernetes does not tell: set SHARD_COUNT to the job's completions, or give --shard-count N"
          : 'give --shard-index I and --shard-count N',
    });
  }
  return checked({ index: found.index, count: all, why });
}

function checked({ index, count, why }: Required<Share>): Share {
  if (!Number.isInteger(count) || count < 1) {
    throw new UserError(`the number of shares is ${count}; it must be an integer of 1 or more`, {
      hint: `it comes from ${why}`,
    });
  }
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    throw new UserError(
      `the share ${index} of ${count} does not exist: shares count from 0 to ${count - 1}`,
      {
        hint: `it comes from ${why}`,
      },
    );
  }
  return { index, count, why };
}

/** A number of the environment with its name and value; undefined where it is not set. */
function read(environment: Environment, name: string): { value: number; text: string } | undefined {
  const text = environment[name];
  if (text === undefined || text === '') return undefined;
  if (!/^\d+$/.test(text)) throw new UserError(`${name} is "${text}", not a number`);
  return { value: Number(text), text: `${name}=${text}` };
}

/** https://slurm.schedmd.com/job_array.html and srun's output environment variables. */
function slurm(environment: Environment): Found | undefined {
  const array = slurmArray(environment);
  const tasks = slurmTasks(environment);
  if (!array || !tasks) return array ?? tasks;
  // Every element of the array starts so many tasks.
  if (array.count === undefined || tasks.count === undefined) return array;
  return {
    index: array.index * tasks.count + tasks.index,
    count: array.count * tasks.count,
    why: `${array.why}, ${tasks.why}`,
  };
}

function slurmArray(environment: Environment): Found | undefined {
  const id = read(environment, 'SLURM_ARRAY_TASK_ID');
  if (!id) return undefined;
  const [count, least, step] = ['COUNT', 'MIN', 'STEP'].map((name) =>
    read(environment, `SLURM_ARRAY_TASK_${name}`),
  );
  return {
    index: (id.value - (least?.value ?? 0)) / (step?.value ?? 1),
    count: count?.value,
    why: [id, least, count, step].flatMap((one) => (one ? [one.text] : [])).join(', '),
  };
}

/** A batch script has SLURM_PROCID=0 as well, but is no member of a step: `srun` starts those, with SLURM_STEP_ID. */
function slurmTasks(environment: Environment): Found | undefined {
  const { SLURM_JOB_ID, SLURM_STEP_ID, SLURM_STEP_NUM_TASKS } = environment;
  if (SLURM_JOB_ID !== undefined && SLURM_STEP_ID === undefined) return undefined;
  const size = SLURM_STEP_NUM_TASKS === undefined ? 'SLURM_NTASKS' : 'SLURM_STEP_NUM_TASKS';
  return pair(environment, 'SLURM_PROCID', size);
}

/** https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode; SHARD_COUNT is ours. */
const kubernetes = (environment: Environment) => pair(environment, 'JOB_COMPLETION_INDEX', 'SHARD_COUNT');

/** Open MPI, MPICH and Intel MPI, torchrun. */
const ranks = (environment: Environment) =>
  pair(environment, 'OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE') ??
  pair(environment, 'PMI_RANK', 'PMI_SIZE') ??
  pair(environment, 'RANK', 'WORLD_SIZE');

function pair(environment: Environment, rank: string, size: string): Found | undefined {
  const index = read(environment, rank);
  if (!index) return undefined;
  const count = read(environment, size);
  return {
    index: index.value,
    count: count?.value,
    why: [index, count].flatMap((one) => (one ? [one.text] : [])).join(', '),
  };
}
