/** Files read by range, so that no reader has to hold a whole one. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { messageOf, UserError } from '../../core/index.js';

export interface ByteSource {
  /** Bytes of the whole. */
  readonly length: number;
  /** Fills `target` with the bytes from `from` on; the caller has checked that they exist. */
  read(from: number, target: Uint8Array): void;
}

/** Bytes of one call of the system, which takes less than 2 GiB. */
const MAX_READ = 2 ** 30;

/** A file on disk. @throws UserError that names a file which cannot be read */
export class FileSource implements ByteSource {
  readonly length: number;
  private readonly handle: number;

  constructor(readonly path: string) {
    try {
      this.handle = openSync(path, 'r');
    } catch (error) {
      throw unreadable(path, error);
    }
    const status = fstatSync(this.handle);
    if (!status.isFile()) {
      this.close();
      throw unreadable(path, 'it is not a file');
    }
    this.length = status.size;
  }

  read(from: number, target: Uint8Array): void {
    let done = 0;
    while (done < target.length) {
      let count: number;
      try {
        const length = Math.min(target.length - done, MAX_READ);
        count = readSync(this.handle, target, done, length, from + done);
      } catch (error) {
        throw unreadable(this.path, error);
      }
      // Another program may have cut it short since it was opened.
      if (count === 0) throw unreadable(this.path, 'it ends too early');
      done += count;
    }
  }

  close(): void {
    closeSync(this.handle);
  }
}

function unreadable(path: string, cause: unknown): UserError {
  return new UserError(`cannot read the weights ${path}: ${messageOf(cause)}`, {
    hint: 'docs/weights.md says where to get the weights of the encoders',
    cause,
  });
}

/** Bytes that are in memory already. */
export class MemorySource implements ByteSource {
  constructor(private readonly bytes: Uint8Array) {}

  get length(): number {
    return this.bytes.length;
  }

  read(from: number, target: Uint8Array): void {
    target.set(this.bytes.subarray(from, from + target.length));
  }
}

/** `length` bytes from `from` on, which the caller has checked to exist. */
export function bytesAt(source: ByteSource, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  source.read(from, bytes);
  return bytes;
}

/** Bytes that {@link Cursor} asks for at a time. */
const WINDOW = 16384;

/** Reads a range from its start to its end, little by little. */
export class Cursor {
  private window: Buffer = Buffer.alloc(0);
  /** Position of the window in the source. */
  private start: number;
  /** Position within the window. */
  private at = 0;

  /**
   * @param end position after the last byte
   * @param tooEarly the error of a read beyond `end`
   */
  constructor(
    private readonly source: ByteSource,
    from: number,
    private readonly end: number,
    private readonly tooEarly: () => Error,
  ) {
    this.start = from;
  }

  /** Position in the source of the next byte. */
  get position(): number {
    return this.start + this.at;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  byte(): number {
    if (this.at >= this.window.length) this.fill(1);
    return this.window[this.at++];
  }

  /** The next `length` bytes; valid until the next call. */
  take(length: number): Buffer {
    if (length > this.window.length - this.at) this.fill(length);
    this.at += length;
    return this.window.subarray(this.at - length, this.at);
  }

  private fill(length: number): void {
    if (length > this.remaining) throw this.tooEarly();
    this.start = this.position;
    this.at = 0;
    this.window = bytesAt(this.source, this.start, Math.min(Math.max(length, WINDOW), this.end - this.start));
  }
}
