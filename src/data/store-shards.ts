/** Records of one size, numbered from 0, in files of at most about 128 MiB. */
import { closeSync, fdatasyncSync, fstatSync, openSync, read, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';

const readAsync = promisify(read);

const SHARD_BYTES = 128 * 2 ** 20;

export function recordsPerShard(recordBytes: number): number {
  return Math.max(1, Math.floor(SHARD_BYTES / recordBytes));
}

export class Shards {
  private readonly handles = new Map<number, number>();
  private readonly unsynced = new Set<number>();
  private writable = false;

  constructor(
    private readonly directory: string,
    readonly recordBytes: number,
    private readonly perShard: number,
  ) {}

  /** Reads record `position` into `into` at `offset`; false when the shard ends before it. */
  read(position: number, into: Uint8Array, offset: number): boolean {
    const handle = this.handle(Math.floor(position / this.perShard));
    if (handle === undefined) return false;
    let done = 0;
    while (done < this.recordBytes) {
      const at = (position % this.perShard) * this.recordBytes + done;
      const count = readSync(handle, into, offset + done, this.recordBytes - done, at);
      if (count === 0) return false;
      done += count;
    }
    return true;
  }

  /** As `read`, by another thread. @param into of one record */
  async readAhead(position: number, into: Uint8Array): Promise<boolean> {
    const handle = this.handle(Math.floor(position / this.perShard));
    if (handle === undefined) return false;
    const start = (position % this.perShard) * this.recordBytes;
    for (let done = 0; done < into.length;) {
      const { bytesRead } = await readAsync(handle, into, done, into.length - done, start + done);
      if (bytesRead === 0) return false;
      done += bytesRead;
    }
    return true;
  }

  /** Writes record `position`; it is safe after the next `sync`. */
  write(position: number, record: Uint8Array): void {
    if (!this.writable) {
      this.close(); // handles so far are for reading
      this.writable = true;
    }
    const shard = Math.floor(position / this.perShard);
    const handle = this.handle(shard) as number;
    this.unsynced.add(shard);
    let done = 0;
    while (done < this.recordBytes) {
      const at = (position % this.perShard) * this.recordBytes + done;
      done += writeSync(handle, record, done, this.recordBytes - done, at);
    }
  }

  sync(): void {
    for (const shard of this.unsynced) fdatasyncSync(this.handle(shard) as number);
    this.unsynced.clear();
  }

  /** Positions whose record is not whole or does not have the checksum that is given for it. */
  findDamaged(records: Iterable<{ position: number; crc: number }>): number[] {
    const buffer = new Uint8Array(this.recordBytes);
    const sorted = [...records].sort((a, b) => a.position - b.position);
    const damaged = sorted.filter(
      ({ position, crc }) => !this.read(position, buffer, 0) || crc32(buffer) !== crc,
    );
    return [...new Set(damaged.map(({ position }) => position))];
  }

  close(): void {
    for (const handle of this.handles.values()) closeSync(handle);
    this.handles.clear();
    this.unsynced.clear();
  }

  private handle(shard: number): number | undefined {
    let handle = this.handles.get(shard);
    if (handle !== undefined) return handle;
    const file = join(this.directory, `shard-${String(shard).padStart(5, '0')}.f16`);
    if (this.writable) handle = openWritable(file);
    else {
      try {
        handle = openSync(file, 'r');
        if (!fstatSync(handle).isFile()) throw new Error(`${file} is no file`);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    }
    this.handles.set(shard, handle);
    return handle;
  }
}

/** Opens for reading and writing; creates, never truncates. */
function openWritable(file: string): number {
  try {
    return openSync(file, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return openSync(file, 'wx+');
  }
}
