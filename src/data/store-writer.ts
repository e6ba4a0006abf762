/** The writing half of a feature store: appends records, and commits now and then. */
import { crc32 } from 'node:zlib';
import { UserError, type Lock } from '../core/index.js';
import type { EncodedBatch, Hashed } from './store-encoder.js';
import type { Journal, StoredImage } from './store-journal.js';
import type { StoreRecords } from './store-records.js';
import type { Shards } from './store-shards.js';

/** Milliseconds between two points from which an interrupted build goes on. */
const COMMIT_MS = 2000;

/** Contents that need no encoding: they are in the store under another name or date. */
export class KnownContents {
  /** Entries that may be shared by images of the same content; records of earlier runs once they were checked. */
  private readonly usable = new Map<string, StoredImage>();

  constructor(
    private readonly journal: Journal,
    private readonly shards: Shards,
  ) {}

  /** @param hash SHA-256 of an image file, hex */
  get(hash: string): StoredImage | undefined {
    const known = this.usable.get(hash);
    if (known) return known;
    const entry = this.journal.byHash.get(hash);
    if (!entry || this.shards.findDamaged([entry]).length > 0) return undefined;
    this.usable.set(hash, entry);
    return entry;
  }

  add(entry: StoredImage): void {
    this.usable.set(entry.hash, entry);
  }
}

export class StoreWriter {
  private uncommitted: { image: string; entry: StoredImage }[] = [];
  private end: number;
  private encoded = 0;
  private readonly started = performance.now();
  private committed = performance.now();

  /** @param pathOf an image's file, as the journal names it */
  constructor(
    private readonly journal: Journal,
    private readonly shards: Shards,
    private readonly known: KnownContents,
    private readonly lock: Lock,
    private readonly records: StoreRecords,
    private readonly pathOf: (image: string) => string,
  ) {
    this.end = journal.end;
  }

  /** images/s so far; nothing while all were known already */
  rate(): string {
    if (this.encoded === 0) return '';
    const seconds = (performance.now() - this.started) / 1000;
    return `${(this.encoded / seconds).toFixed(0)} images/s`;
  }

  /** What a process encoded or knew. @param records of the encoded ones, one behind the other */
  add({ known, encoded }: Pick<EncodedBatch, 'known' | 'encoded'>, records: Uint8Array): void {
    const size = this.shards.recordBytes;
    encoded.forEach((own, i) => {
      if (this.known.get(own.facts.hash)) return this.addKnown(own); // in another process's batch as well
      const bytes = records.subarray(i * size, (i + 1) * size);
      this.shards.write(this.end, bytes);
      const entry = { ...own.facts, path: this.pathOf(own.image), position: this.end++, crc: crc32(bytes) };
      this.known.add(entry);
      this.uncommitted.push({ image: own.image, entry });
    });
    for (const own of known) this.addKnown(own);
    this.encoded += encoded.length;
    if (performance.now() - this.committed > COMMIT_MS) this.commit();
  }

  private addKnown({ image, facts }: Hashed): void {
    const same = this.known.get(facts.hash);
    if (!same) {
      throw new UserError(`the processes see different feature stores: one knows the content of ${image}`, {
        hint: 'all of them need the same cache directory (SHOWTELL_CACHE)',
      });
    }
    this.uncommitted.push({ image, entry: { ...same, ...facts, path: this.pathOf(image) } });
  }

  /** Makes what was encoded so far survive a kill: records first, then the lines that speak of them. */
  commit(): void {
    this.lock.check();
    this.shards.sync();
    this.journal.append(this.uncommitted.map(({ entry }) => entry));
    for (const { image, entry } of this.uncommitted) this.records.set(image, entry);
    this.uncommitted = [];
    this.committed = performance.now();
  }

  /** Commits on the way out of an error, which must not be hidden by another. */
  commitQuietly(): void {
    try {
      this.commit();
    } catch {
      // The first error is the one to report.
    }
  }
}
