import { describe, expect, it } from 'vitest';
import { UserError } from '../core/index.js';
import { shareOf } from './share.js';

type Given = Parameters<typeof shareOf>;

const array = { SLURM_ARRAY_TASK_ID: '7', SLURM_ARRAY_TASK_MIN: '1', SLURM_ARRAY_TASK_COUNT: '4' };
const step = { SLURM_JOB_ID: '1', SLURM_STEP_ID: '0', SLURM_PROCID: '2', SLURM_STEP_NUM_TASKS: '3' };

describe('shareOf', () => {
  it.each<[string, Given[0], Given[1], { index: number; count: number }]>([
    ['nothing', {}, {}, { index: 0, count: 1 }],
    ['options', { index: 2, count: 3 }, { RANK: '0', WORLD_SIZE: '9' }, { index: 2, count: 3 }],
    [
      'a SLURM array that begins at 1, two apart',
      {},
      { ...array, SLURM_ARRAY_TASK_STEP: '2' },
      { index: 3, count: 4 },
    ],
    ['tasks of a SLURM step', {}, step, { index: 2, count: 3 }],
    ['tasks without a job', {}, { SLURM_PROCID: '1', SLURM_NTASKS: '4' }, { index: 1, count: 4 }],
    [
      'tasks of every element of an array',
      {},
      { ...step, ...array, SLURM_ARRAY_TASK_ID: '2' },
      { index: 1 * 3 + 2, count: 4 * 3 },
    ],
    // Its number is no task's: the script alone does everything.
    [
      'a batch script, which is no step',
      {},
      { SLURM_JOB_ID: '1', SLURM_PROCID: '0', SLURM_NTASKS: '4' },
      { index: 0, count: 1 },
    ],
    ['a Kubernetes job', {}, { JOB_COMPLETION_INDEX: '5', SHARD_COUNT: '8' }, { index: 5, count: 8 }],
    ['its index with a count', { count: 6 }, { JOB_COMPLETION_INDEX: '5' }, { index: 5, count: 6 }],
    [
      'Open MPI',
      {},
      { OMPI_COMM_WORLD_RANK: '1', OMPI_COMM_WORLD_SIZE: '2', RANK: '7', WORLD_SIZE: '8' },
      { index: 1, count: 2 },
    ],
    ['MPICH', {}, { PMI_RANK: '0', PMI_SIZE: '2' }, { index: 0, count: 2 }],
    ['torchrun', {}, { RANK: '3', WORLD_SIZE: '4' }, { index: 3, count: 4 }],
    ['a size alone', {}, { WORLD_SIZE: '4' }, { index: 0, count: 1 }],
  ])('follows %s', (_, options, environment, expected) => {
    expect(shareOf(options, environment)).toMatchObject(expected);
  });

  it('says what decided it', () => {
    expect(shareOf({}, { RANK: '3', WORLD_SIZE: '4' }).why).toBe('RANK=3, WORLD_SIZE=4');
    expect(shareOf({ count: 9 }, { RANK: '3', WORLD_SIZE: '4' }).why).toMatch(/^--shard-count and RANK=3/);
  });

  it.each<[string, Given[0], Given[1], RegExp]>([
    ['an index without a count', { index: 0 }, {}, /not of how many/],
    ['a count without an index', { count: 2 }, {}, /nothing says which share/],
    ['an index that is the count', { index: 4, count: 4 }, {}, /share 4 of 4 does not exist.* from 0 to 3/],
    ['a negative index', { index: -1, count: 4 }, {}, /share -1 of 4/],
    ['half an index', { index: 0.5, count: 4 }, {}, /share 0\.5 of 4/],
    ['no share', { index: 0, count: 0 }, {}, /number of shares is 0/],
    ['no number', { index: NaN, count: 2 }, {}, /share NaN of 2/],
    ['a word', {}, { RANK: 'x', WORLD_SIZE: '2' }, /RANK is "x", not a number/],
    ['Kubernetes without a count', {}, { JOB_COMPLETION_INDEX: '0' }, /nothing says of how many/],
    [
      'an element beyond an array',
      {},
      { ...array, SLURM_ARRAY_TASK_STEP: '1' },
      /share 6 of 4 does not exist/,
    ],
    ['a rank beyond the size', {}, { PMI_RANK: '2', PMI_SIZE: '2' }, /share 2 of 2 does not exist/],
  ])('refuses %s', (_, options, environment, message) => {
    expect(() => shareOf(options, environment)).toThrow(UserError);
    expect(() => shareOf(options, environment)).toThrow(message);
  });
});
