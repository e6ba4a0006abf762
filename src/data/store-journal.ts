/**
 * The index of a feature store: a text file that is only ever appended to, one line per image, each with its own
 * checksum. A line exists only after its record is on the disk; a torn or damaged line is ignored, and the image
 * is encoded again. The last line of an image counts.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs';
import { crc32 } from 'node:zlib';

export interface StoredImage {
  /** absolute path of the image file */
  path: string;
  /** of the file when it was hashed: bytes, and milliseconds of its last change */
  size: number;
  mtimeMs: number;
  /** SHA-256 of the file, hex */
  hash: string;
  /** number of the record in the store */
  position: number;
  /** CRC-32 of the record's bytes */
  crc: number;
}

const checksum = (text: string) => crc32(text).toString(16).padStart(8, '0');

export class Journal {
  /** Latest entry of each path. */
  readonly byPath = new Map<string, StoredImage>();
  /** An entry of each content. */
  readonly byHash = new Map<string, StoredImage>();
  /** Position behind all records. */
  end = 0;
  /** Positions of records that are not what was written. */
  readonly damaged: number[] = [];

  private constructor(private readonly file: string) {}

  static read(file: string): Journal {
    const journal = new Journal(file);
    if (!existsSync(file)) return journal;
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      if (line === '') continue;
      const entry = parseLine(line);
      if (entry) journal.put(entry);
    }
    return journal;
  }

  private put(entry: StoredImage): void {
    this.byPath.set(entry.path, entry);
    this.byHash.set(entry.hash, entry);
    this.end = Math.max(this.end, entry.position + 1);
  }

  /** Forgets what is known of a record that turned out to be damaged; its position is not used again. */
  forget(position: number): void {
    for (const index of [this.byPath, this.byHash]) {
      for (const [key, entry] of index) if (entry.position === position) index.delete(key);
    }
  }

  /** Appends entries and syncs. The records they speak of must be synced already. */
  append(entries: readonly StoredImage[]): void {
    if (entries.length === 0) return;
    const lines = entries.map((entry) => {
      const json = JSON.stringify(entry);
      return `${checksum(json)} ${json}\n`;
    });
    const handle = openSync(this.file, 'a+');
    try {
      const torn = endsWithinLine(handle) ? '\n' : '';
      writeSync(handle, torn + lines.join(''));
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    for (const entry of entries) this.put(entry);
  }
}

function endsWithinLine(handle: number): boolean {
  const { size } = fstatSync(handle);
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  readSync(handle, last, 0, 1, size - 1);
  return last[0] !== 0x0a;
}

function parseLine(line: string): StoredImage | undefined {
  const json = line.slice(9);
  return line.slice(0, 8) === checksum(json) ? (JSON.parse(json) as StoredImage) : undefined;
}
