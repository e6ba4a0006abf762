/**
 * The MPI library of this machine, by the FFI package koffi. Handles are pointers to the library's own objects in Open MPI
 * and integers in MPICH and what keeps to its ABI (Intel MPI, Cray MPICH, MVAPICH): which of them it is shows in its symbols.
 */
import { createRequire } from 'node:module';
import type koffiModule from 'koffi';
import { messageOf, UserError } from '../core/index.js';

const koffi = createRequire(import.meta.url)('koffi') as typeof koffiModule;

/** A handle, as koffi takes it. */
type Handle = number | bigint | unknown;

export interface Library {
  path: string;
  kind: 'Open MPI' | 'MPICH';
  comm: Handle;
  float: Handle;
  byte: Handle;
  sum: Handle;
  inPlace: Handle;
  /** Where a call is to tell nothing but that it is done. */
  noStatus: Handle;
  init(): number;
  finalize(): number;
  abort(comm: Handle, code: number): number;
  rank(comm: Handle, out: number[]): number;
  size(comm: Handle, out: number[]): number;
  allreduce(send: Handle, receive: unknown, count: number, type: Handle, op: Handle, comm: Handle): number;
  bcast(buffer: unknown, count: number, type: Handle, root: number, comm: Handle): number;
  allgather(...args: [unknown, number, Handle, unknown, number, Handle, Handle]): number;
  allgatherv(...args: [unknown, number, Handle, unknown, Int32Array, Int32Array, Handle, Handle]): number;
  send(buffer: unknown, count: number, type: Handle, to: number, tag: number, comm: Handle): number;
  receive(...args: [unknown, number, Handle, number, number, Handle, Handle]): number;
  /** Another communicator of the same processes, whose calls are told apart from those of the first. */
  duplicate(comm: Handle): Handle;
  // These only start what they say; the last argument takes a request, and the buffers are the library's until it is done.
  startAllreduce(...args: [Handle, unknown, number, Handle, Handle, Handle, RequestHandle]): number;
  startAlltoall(...args: [unknown, number, Handle, unknown, number, Handle, Handle, RequestHandle]): number;
  startAllgather(...args: [unknown, number, Handle, unknown, number, Handle, Handle, RequestHandle]): number;
  test(request: RequestHandle, done: Int32Array, status: Handle): number;
  wait(request: RequestHandle, status: Handle): number;
}

/** Memory of one request of the library: a pointer, or an integer in its first half. */
export type RequestHandle = BigUint64Array;

/** By the names that packages give: Open MPI 4 and 5, MPICH and its ABI, and what a developer's package adds. */
const names =
  process.platform === 'darwin'
    ? ['libmpi.dylib', 'libmpi.40.dylib', 'libmpi.12.dylib']
    : ['libmpi.so.40', 'libmpi.so.12', 'libmpich.so.12', 'libmpi.so'];

const isMpich = (name: string) => /mpich|\b12\b/.test(name);

const RTLD_NOW = 2;
const RTLD_GLOBAL = process.platform === 'darwin' ? 0x8 : 0x100;
/** Open MPI crashes at exit where it is unloaded. */
const RTLD_NODELETE = process.platform === 'darwin' ? 0x80 : 0x1000;

/**
 * Opens `SHOWTELL_MPI`, the path of a library, or the first one that is found.
 * @param launcher whose library comes first
 * @throws UserError when there is none, or it is no MPI library
 */
export function openLibrary(environment: NodeJS.ProcessEnv, launcher?: string): Library {
  const libc = koffi.load(process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6');
  const dlopen = libc.func('void *dlopen(const char *path, int flags)');
  const dlsym = libc.func('void *dlsym(void *library, const char *name)');
  const wanted = environment.SHOWTELL_MPI;
  const failures: string[] = [];
  const mpich = launcher === 'MPICH';
  const inOrder = names.toSorted((a, b) => Number(isMpich(b) === mpich) - Number(isMpich(a) === mpich));
  for (const path of wanted ? [wanted] : inOrder) {
    const handle: unknown = dlopen(path, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
    if (!handle) continue;
    try {
      return bind(path, (name) => dlsym(handle, name) as unknown);
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  const tried = failures.length > 0 ? `: ${failures.join('; ')}` : ` (tried ${wanted ?? names.join(', ')})`;
  throw new UserError(`several processes were started, but no MPI library can be used${tried}`, {
    hint: 'install Open MPI or MPICH (Debian: libopenmpi3 or libmpich12), or set SHOWTELL_MPI to the path of libmpi',
  });
}

function bind(path: string, symbol: (name: string) => unknown): Library {
  const library = koffi.load(path);
  const world = symbol('ompi_mpi_comm_world');
  const open = Boolean(world);
  const handle = open ? 'void *' : 'int';
  const f = (name: string, parameters: string) =>
    library.func(`int ${name}(${parameters.replaceAll('H', handle)})`) as (...args: unknown[]) => number;
  const init = f('MPI_Init', 'void *, void *');
  const duplicate = f('MPI_Comm_dup', 'H, void *');
  return {
    path,
    ...(open
      ? {
          kind: 'Open MPI' as const,
          comm: world,
          float: symbol('ompi_mpi_float'),
          byte: symbol('ompi_mpi_byte'),
          sum: symbol('ompi_mpi_op_sum'),
          inPlace: 1,
          noStatus: 0,
        }
      : {
          // mpi.h of MPICH; the ABI initiative holds the others to it.
          kind: 'MPICH' as const,
          comm: 0x44000000,
          float: 0x4c00040a,
          byte: 0x4c00010d,
          sum: 0x58000003,
          inPlace: -1,
          noStatus: 1,
        }),
    init: () => init(null, null),
    finalize: f('MPI_Finalize', ''),
    abort: f('MPI_Abort', 'H, int'),
    rank: f('MPI_Comm_rank', 'H, _Out_ int *'),
    size: f('MPI_Comm_size', 'H, _Out_ int *'),
    allreduce: f('MPI_Allreduce', 'void *, void *, int, H, H, H'),
    bcast: f('MPI_Bcast', 'void *, int, H, int, H'),
    allgather: f('MPI_Allgather', 'void *, int, H, void *, int, H, H'),
    allgatherv: f('MPI_Allgatherv', 'void *, int, H, void *, int *, int *, H, H'),
    send: f('MPI_Send', 'void *, int, H, int, int, H'),
    receive: f('MPI_Recv', 'void *, int, H, int, int, H, void *'),
    duplicate(comm) {
      const copy = new BigUint64Array(1);
      if (duplicate(comm, copy) !== 0) throw new Error(`MPI_Comm_dup of ${path} failed`);
      return open ? copy[0] : new Int32Array(copy.buffer)[0];
    },
    startAllreduce: f('MPI_Iallreduce', 'void *, void *, int, H, H, H, void *'),
    startAlltoall: f('MPI_Ialltoall', 'void *, int, H, void *, int, H, H, void *'),
    startAllgather: f('MPI_Iallgather', 'void *, int, H, void *, int, H, H, void *'),
    test: f('MPI_Test', 'void *, int *, void *'),
    wait: f('MPI_Wait', 'void *, void *'),
  };
}
