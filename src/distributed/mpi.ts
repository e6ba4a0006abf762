/** Processes joined by MPI. All calls come from the thread that initialised it, as MPI wants by default. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { UserError } from '../core/index.js';
import { openLibrary, type Library } from './library.js';
import { Bfloat16Sum, Float32Sum } from './sums.js';
import type { Launch, World } from './world.js';

/** Numbers of one call: MPI counts with 32-bit integers, and its buffers stay small. */
const CHUNK = 1 << 24;

/**
 * Joins the processes that a launcher started. Rank 0 first tries the library in a process of its own: one that does not fit
 * would crash this one.
 * @throws UserError without a usable library, or where the processes do not find each other
 */
export function joinMpi(launch: Launch, environment: NodeJS.ProcessEnv): World {
  const library = openLibrary(environment, launch.by);
  if (launch.rank === 0) probe(library, environment);
  return connect(library, launch);
}

export function connect(library: Library, launch: Pick<Launch, 'size' | 'localSize' | 'by'>): World {
  const check = (code: number, what: string) => {
    if (code !== 0) throw new Error(`${what} of ${library.path} failed with code ${code}`);
  };
  check(library.init(), 'MPI_Init');
  const { comm } = library;
  const one = (read: (comm: unknown, out: number[]) => number, what: string): number => {
    const out = [0];
    check(read(comm, out), what);
    return out[0];
  };
  // Others would wait for this one.
  const abort = (code: number) => void library.abort(comm, code === 0 ? 1 : code);
  process.once('exit', abort);
  const rank = one(library.rank, 'MPI_Comm_rank');
  const size = one(library.size, 'MPI_Comm_size');
  if (size !== launch.size) {
    throw new UserError(
      `${launch.by} started ${launch.size} processes, but ${library.kind} (${library.path}) sees ${size}`,
      {
        hint: 'use the launcher that belongs to the library, or set SHOWTELL_MPI to the library of the launcher',
      },
    );
  }
  // The two halves of a sum by bfloat16: which of them is called first differs from process to process.
  const second = library.duplicate(comm);
  let last: Bfloat16Sum | undefined;
  const chunks = (values: Float32Array) =>
    Array.from({ length: Math.ceil(values.length / CHUNK) }, (_, i) =>
      values.subarray(i * CHUNK, (i + 1) * CHUNK),
    );
  const world: World = {
    rank,
    size,
    localSize: launch.localSize,
    sum(values) {
      for (const part of chunks(values)) {
        const { inPlace, float, sum } = library;
        check(library.allreduce(inPlace, part, part.length, float, sum, comm), 'MPI_Allreduce');
      }
    },
    startSum(values, wire) {
      if (wire === 'float32') return new Float32Sum(library, comm, values);
      last = new Bfloat16Sum(library, [comm, second], { rank, size }, values, last);
      return last;
    },
    broadcast(values) {
      for (const part of chunks(values)) {
        check(library.bcast(part, part.length, library.float, 0, comm), 'MPI_Bcast');
      }
    },
    gather(text) {
      const own = Buffer.from(text);
      const sizes = new Int32Array(size);
      const bytes = new Uint8Array(sizes.buffer);
      const { byte } = library;
      check(library.allgather(Int32Array.of(own.length), 4, byte, bytes, 4, byte, comm), 'MPI_Allgather');
      const offsets = Int32Array.from(sizes, (_, i) => sizes.subarray(0, i).reduce((sum, n) => sum + n, 0));
      const all = Buffer.alloc(sizes.reduce((sum, n) => sum + n, 0));
      check(library.allgatherv(own, own.length, byte, all, sizes, offsets, byte, comm), 'MPI_Allgatherv');
      return [...sizes].map((length, i) => all.subarray(offsets[i], offsets[i] + length).toString());
    },
    collect(bytes) {
      const { byte, noStatus } = library;
      const counts = world.gather(String(bytes.length)).map(Number);
      if (rank > 0) {
        check(library.send(bytes, bytes.length, byte, 0, 0, comm), 'MPI_Send');
        return [];
      }
      return counts.map((count, from) => {
        if (from === 0) return bytes;
        const received = new Uint8Array(count);
        check(library.receive(received, count, byte, from, 0, comm, noStatus), 'MPI_Recv');
        return received;
      });
    },
    end() {
      process.off('exit', abort);
      library.finalize();
    },
  };
  return world;
}

/** What a launcher tells its processes; the probe is none of them. */
const told = /^(OMPI_|PMIX_|PMI_|PRTE_|SLURM_|HYDRA_|MPI_LOCAL)/;

function probe(library: Library, environment: NodeJS.ProcessEnv): void {
  const clean = Object.entries(environment).filter(([name]) => !told.test(name));
  const { status, signal, stderr } = spawnSync(
    process.execPath,
    [fileURLToPath(new URL('./probe.js', import.meta.url))],
    {
      env: { ...Object.fromEntries(clean), SHOWTELL_MPI: library.path },
      timeout: 60_000,
      encoding: 'utf8',
    },
  );
  if (status === 0) return;
  const said = stderr.trim().split('\n').slice(-3).join(' ');
  throw new UserError(
    `${library.path} does not compute as ${library.kind} should: ${signal ?? `exit code ${status}`}${said && `: ${said}`}`,
    { hint: 'set SHOWTELL_MPI to another libmpi' },
  );
}
