/** Sums over all processes that go on beside other work: MPI works at them whenever it is called. */
import { fromBfloat16, toBfloat16 } from '../core/index.js';
import type { Library, RequestHandle } from './library.js';
import type { PendingSum, World } from './world.js';

/** Numbers that stay where they are while the library works on them; V8 moves small arrays of its own. */
const halves = (count: number) => new Uint16Array(new ArrayBuffer(2 * count));

/** An operation of MPI that was started. */
class Operation {
  private readonly request: RequestHandle = new BigUint64Array(new ArrayBuffer(8));
  private readonly flag = new Int32Array(new ArrayBuffer(4));
  private done = false;

  /** @param name MPI's, for errors */
  constructor(
    private readonly library: Library,
    private readonly name: string,
    start: (request: RequestHandle) => number,
  ) {
    this.check(start(this.request));
  }

  test(): boolean {
    if (this.done) return true;
    this.check(this.library.test(this.request, this.flag, this.library.noStatus));
    this.done = this.flag[0] !== 0;
    return this.done;
  }

  wait(): void {
    if (!this.done) this.check(this.library.wait(this.request, this.library.noStatus));
    this.done = true;
  }

  private check(code: number): void {
    if (code !== 0) throw new Error(`${this.name} of ${this.library.path} failed with code ${code}`);
  }
}

export class Float32Sum implements PendingSum {
  private readonly operation: Operation;

  constructor(
    library: Library,
    comm: unknown,
    // Held on to while the library writes to it.
    private readonly values: Float32Array,
  ) {
    const { inPlace, float, sum } = library;
    this.operation = new Operation(library, 'MPI_Iallreduce', (request) =>
      library.startAllreduce(inPlace, this.values, values.length, float, sum, comm, request),
    );
  }

  advance(): boolean {
    return this.operation.test();
  }

  finish(): void {
    this.operation.wait();
  }
}

/**
 * MPI knows no bfloat16: each process adds up one piece of the values, which all send it, and sends the sums to all. That
 * is what an all-reduce by rings sends, in half the bytes; nothing is rounded but what is sent.
 */
export class Bfloat16Sum implements PendingSum {
  /** Pieces of all processes, (size, piece), their last one filled up with zeros. */
  private readonly all: Uint16Array;
  /** This process's piece as each of them has it, (size, piece). */
  private readonly mine: Uint16Array;
  private readonly pieces: Operation;
  private sums: Operation | undefined;
  private done = false;

  /**
   * @param comms of the pieces, and of their sums: a process may come to the second half of a sum before it starts the next
   * one, another behind that
   * @param before the sum that was started before: on one communicator all processes must call alike
   */
  constructor(
    private readonly library: Library,
    private readonly comms: readonly [unknown, unknown],
    private readonly world: Pick<World, 'rank' | 'size'>,
    private readonly values: Float32Array,
    private before: Bfloat16Sum | undefined,
  ) {
    const { size } = world;
    const piece = Math.ceil(values.length / size);
    this.all = halves(size * piece);
    this.mine = halves(size * piece);
    toBfloat16(values, this.all);
    const { byte } = library;
    const bytes = 2 * piece;
    this.pieces = new Operation(library, 'MPI_Ialltoall', (request) =>
      library.startAlltoall(this.all, bytes, byte, this.mine, bytes, byte, comms[0], request),
    );
  }

  advance(): boolean {
    if (this.reachSums(false) && this.sums!.test()) this.take();
    return this.done;
  }

  finish(): void {
    this.reachSums(true);
    this.sums!.wait();
    this.take();
  }

  /** Starts the second half once the first is done, behind that of earlier sums. @returns whether it is started */
  private reachSums(wait: boolean): boolean {
    if (this.sums) return true;
    if (this.before && !this.before.reachSums(wait)) return false;
    this.before = undefined;
    if (wait) this.pieces.wait();
    else if (!this.pieces.test()) return false;
    this.startSums();
    return true;
  }

  private startSums(): void {
    const { library, world, all, mine } = this;
    const piece = mine.length / world.size;
    const sums = new Float32Array(piece);
    const part = new Float32Array(piece);
    for (let rank = 0; rank < world.size; rank++) {
      fromBfloat16(mine.subarray(rank * piece, (rank + 1) * piece), part);
      for (let i = 0; i < piece; i++) sums[i] += part[i];
    }
    const own = mine.subarray(0, piece);
    toBfloat16(sums, own);
    const { byte } = library;
    this.sums = new Operation(library, 'MPI_Iallgather', (request) =>
      library.startAllgather(own, 2 * piece, byte, all, 2 * piece, byte, this.comms[1], request),
    );
  }

  private take(): void {
    if (this.done) return;
    fromBfloat16(this.all.subarray(0, this.values.length), this.values);
    this.done = true;
  }
}
