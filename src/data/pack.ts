/**
 * A packed file: lists of byte strings and arrays of numbers, read by position. It is not mapped: pages of a mapping count
 * as memory of the process, and Node has none; a read of a few bytes from the system's page cache takes microseconds.
 *
 *   showtell-pack 1<LF>   16 bytes
 *   sections              one behind the other, each from a multiple of 8
 *   directory             JSON: where each section lies, and what the writer says of the whole (`head`)
 *   tail                  position of the directory (float64), CRC-32 of all before it (uint32), 4 zero bytes
 *
 * Numbers are little-endian. A list is two sections: its bytes, and where each item begins, as float64.
 */
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { messageOf, temporaryName } from '../core/index.js';

const MAGIC = Buffer.from('showtell-pack 1\n');
const TAIL_BYTES = 16;
/** Bytes that are written, or checked, at a time. */
const CHUNK = 1 << 20;
/** Items that are read at a time where all of them are. */
const ITEMS = 4096;

interface Section {
  offset: number;
  bytes: number;
}

interface Directory {
  sections: Record<string, Section>;
  head: unknown;
}

export type Numbers = Int32Array | Float64Array;

/** Writes a pack under a temporary name; `finish` gives it its own. */
export class PackWriter {
  private readonly temporary: string;
  private readonly handle: number;
  private readonly sections: Record<string, Section> = {};
  private readonly waiting = Buffer.alloc(CHUNK);
  private open = true;
  private filled = 0;
  private written = 0;
  private crc = 0;

  constructor(private readonly path: string) {
    mkdirSync(dirname(path), { recursive: true });
    this.temporary = temporaryName(path);
    this.handle = openSync(this.temporary, 'wx');
    this.write(MAGIC);
  }

  numbers(name: string, values: Numbers): void {
    this.begin(name);
    this.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    this.end(name);
  }

  list(name: string, items: Iterable<Uint8Array>): void {
    const starts = new Growing();
    this.begin(name);
    let at = 0;
    for (const item of items) {
      starts.push(at);
      this.write(item);
      at += item.length;
    }
    starts.push(at);
    this.end(name);
    this.numbers(`${name}.starts`, starts.values());
  }

  /** @param head JSON: what the reader is to know of the whole */
  finish(head: unknown): void {
    const directory = this.position;
    this.write(Buffer.from(JSON.stringify({ sections: this.sections, head } satisfies Directory)));
    this.flush();
    const tail = Buffer.alloc(TAIL_BYTES);
    tail.writeDoubleLE(directory, 0);
    tail.writeUInt32LE(this.crc, 8);
    writeAll(this.handle, tail);
    fsyncSync(this.handle);
    this.close();
    renameSync(this.temporary, this.path);
  }

  /** Leaves nothing of what was written so far. */
  discard(): void {
    this.close();
    rmSync(this.temporary, { force: true });
  }

  private close(): void {
    if (this.open) closeSync(this.handle);
    this.open = false;
  }

  private get position(): number {
    return this.written + this.filled;
  }

  private begin(name: string): void {
    this.write(Buffer.alloc((8 - (this.position % 8)) % 8));
    this.sections[name] = { offset: this.position, bytes: 0 };
  }

  private end(name: string): void {
    this.sections[name].bytes = this.position - this.sections[name].offset;
  }

  private write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const part = bytes.subarray(done, done + CHUNK - this.filled);
      this.waiting.set(part, this.filled);
      this.filled += part.length;
      done += part.length;
      if (this.filled === CHUNK) this.flush();
    }
  }

  private flush(): void {
    const bytes = this.waiting.subarray(0, this.filled);
    this.crc = crc32(bytes, this.crc);
    writeAll(this.handle, bytes);
    this.written += this.filled;
    this.filled = 0;
  }
}

/** Numbers that become more. */
class Growing {
  private array = new Float64Array(1024);
  private length = 0;

  push(value: number): void {
    if (this.length === this.array.length) {
      const larger = new Float64Array(2 * this.length);
      larger.set(this.array);
      this.array = larger;
    }
    this.array[this.length++] = value;
  }

  values(): Float64Array {
    return this.array.subarray(0, this.length);
  }
}

function writeAll(handle: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(handle, bytes, done, bytes.length - done);
}

/** An open pack. Nothing of it is in memory but its directory. */
export class Pack {
  private constructor(
    private readonly path: string,
    private readonly handle: number,
    private readonly directory: Directory,
  ) {}

  /** Opens a pack, all of which is read once and compared with its checksum. @throws Error that says what is wrong with it */
  static open(path: string): Pack {
    const handle = openSync(path, 'r');
    try {
      return new Pack(path, handle, readDirectory(handle));
    } catch (error) {
      closeSync(handle);
      throw new Error(`${path} is damaged: ${messageOf(error)}`, { cause: error });
    }
  }

  get head(): unknown {
    return this.directory.head;
  }

  int32(name: string): Int32Array {
    return new Int32Array(this.bytes(name));
  }

  float64(name: string): Float64Array {
    return new Float64Array(this.bytes(name));
  }

  list(name: string): PackedList {
    const starts = this.section(`${name}.starts`);
    return new PackedList(this, this.section(name).offset, starts.offset, starts.bytes / 8 - 1);
  }

  /** Fills `into` from a position of the file. */
  read(into: Uint8Array, position: number): void {
    readWhole(this.handle, into, position, this.path);
  }

  close(): void {
    closeSync(this.handle);
  }

  private bytes(name: string): ArrayBuffer {
    const { offset, bytes } = this.section(name);
    const values = new Uint8Array(bytes);
    this.read(values, offset);
    return values.buffer;
  }

  private section(name: string): Section {
    const section = this.directory.sections[name];
    if (!section) throw new Error(`${this.path} has no section ${name}`);
    return section;
  }
}

/** Byte strings by their number, from 0. */
export class PackedList implements Iterable<Buffer> {
  constructor(
    private readonly pack: Pack,
    private readonly offset: number,
    private readonly starts: number,
    readonly length: number,
  ) {}

  at(item: number): Buffer {
    return this.range(item, item + 1)[0];
  }

  /** Items `from` to `to`, without the last, by two reads. */
  range(from: number, to: number): Buffer[] {
    if (from < 0 || to > this.length) throw new RangeError(`items ${from} to ${to} of ${this.length}`);
    const offsets = new Float64Array(to - from + 1);
    this.pack.read(new Uint8Array(offsets.buffer), this.starts + 8 * from);
    const first = offsets[0];
    const bytes = Buffer.allocUnsafeSlow(offsets[to - from] - first);
    this.pack.read(bytes, this.offset + first);
    return Array.from({ length: to - from }, (_, i) =>
      bytes.subarray(offsets[i] - first, offsets[i + 1] - first),
    );
  }

  *[Symbol.iterator](): Generator<Buffer> {
    for (let from = 0; from < this.length; from += ITEMS) {
      yield* this.range(from, Math.min(from + ITEMS, this.length));
    }
  }
}

function readDirectory(handle: number): Directory {
  const { size } = fstatSync(handle);
  if (size < MAGIC.length + TAIL_BYTES) throw new Error(`it has ${size} bytes`);
  const tail = Buffer.alloc(TAIL_BYTES);
  readWhole(handle, tail, size - TAIL_BYTES);
  const end = size - TAIL_BYTES;
  const chunk = Buffer.alloc(CHUNK);
  let crc = 0;
  for (let at = 0; at < end; at += CHUNK) {
    const part = chunk.subarray(0, Math.min(CHUNK, end - at));
    readWhole(handle, part, at);
    if (at === 0 && !part.subarray(0, MAGIC.length).equals(MAGIC))
      throw new Error('it does not begin like a pack');
    crc = crc32(part, crc);
  }
  if (crc !== tail.readUInt32LE(8)) throw new Error('its checksum is another');
  const start = tail.readDoubleLE(0);
  const json = Buffer.alloc(end - start);
  readWhole(handle, json, start);
  return JSON.parse(json.toString()) as Directory;
}

function readWhole(handle: number, into: Uint8Array, position: number, path = 'it'): void {
  for (let done = 0; done < into.length;) {
    const count = readSync(handle, into, done, into.length - done, position + done);
    if (count === 0) throw new Error(`${path} ends at byte ${position + done}`);
    done += count;
  }
}
