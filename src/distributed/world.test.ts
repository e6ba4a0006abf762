import { expect, it } from 'vitest';
import { alone, deviceOf, joinWorld, launchOf } from './index.js';

it('knows its number and its fellows from what a launcher says', () => {
  expect(launchOf({})).toBeUndefined();
  const ompi = { OMPI_COMM_WORLD_RANK: '3', OMPI_COMM_WORLD_SIZE: '8' };
  const local = { OMPI_COMM_WORLD_LOCAL_RANK: '1', OMPI_COMM_WORLD_LOCAL_SIZE: '2' };
  const open = { by: 'Open MPI', rank: 3, size: 8 };
  expect(launchOf({ ...ompi, ...local })).toEqual({ ...open, localRank: 1, localSize: 2 });
  expect(launchOf(ompi)).toEqual({ ...open, localRank: 0, localSize: 1 });
  expect(launchOf({ PMI_RANK: '0', PMI_SIZE: '2' })).toMatchObject({ by: 'MPICH', rank: 0, size: 2 });
  const slurm = { SLURM_PROCID: '1', SLURM_STEP_NUM_TASKS: '4', SLURM_LOCALID: '1' };
  expect(launchOf(slurm)).toMatchObject({ by: 'SLURM', rank: 1, size: 4, localRank: 1 });
  const nodes = { ...slurm, SLURM_STEP_TASKS_PER_NODE: '4(x2),3' };
  const onNode = (node: string) => launchOf({ ...nodes, SLURM_NODEID: node })!.localSize;
  expect(['0', '1', '2'].map(onNode)).toEqual([4, 4, 3]);
  // A single process under a launcher, or within a SLURM job, is alone.
  expect(launchOf({ OMPI_COMM_WORLD_RANK: '0', OMPI_COMM_WORLD_SIZE: '1' })).toBeUndefined();
  expect(launchOf({ SLURM_PROCID: '0', SLURM_NTASKS: '4' })).toBeUndefined();
});

it('takes a GPU of its own', () => {
  const launch = { by: 'Open MPI', rank: 5, size: 8, localRank: 1, localSize: 4 };
  expect(deviceOf(launch, undefined)).toBe('1');
  expect(deviceOf(launch, '')).toBe(''); // none, as the user wants
  expect(deviceOf(launch, '2,3')).toBe('3');
  expect(deviceOf({ ...launch, localRank: 3 }, '2,3')).toBe('3');
});

it('is alone without a launcher', async () => {
  expect(await joinWorld({})).toBe(alone);
  expect(alone.gather('a')).toEqual(['a']);
});
