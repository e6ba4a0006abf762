/** The writing half of a feature store: encodes batches, appends their records, and commits now and then. */
import { crc32 } from 'node:zlib';
import { toHalf, UserError, type Lock } from '../core/index.js';
import type { RgbImage } from './image.js';
import { stackPixels } from './preprocess.js';
import type { Journal, StoredImage } from './store-journal.js';
import type { StoreRecords } from './store-records.js';
import type { Shards } from './store-shards.js';

/** Milliseconds between two points from which an interrupted build goes on. */
const COMMIT_MS = 2000;

export type FileFacts = Pick<StoredImage, 'path' | 'size' | 'mtimeMs'>;

/** An image whose pixels wait to be encoded. */
export interface Waiting {
  image: string;
  facts: FileFacts & { hash: string };
  pixels: RgbImage;
}

/** What the writer needs of the store's options. */
interface EncodeOptions {
  featureShape: readonly number[];
  encode: (pixels: Uint8Array, count: number) => Float32Array | Promise<Float32Array>;
}

export class StoreWriter {
  private uncommitted: { image: string; entry: StoredImage }[] = [];
  /** Entries that may be shared by images of the same content; records of earlier runs once they were checked. */
  private readonly usable = new Map<string, StoredImage>();
  private end: number;
  private encoded = 0;
  private readonly started = performance.now();
  private committed = performance.now();

  constructor(
    private readonly options: EncodeOptions,
    private readonly journal: Journal,
    private readonly shards: Shards,
    private readonly lock: Lock,
    private readonly records: StoreRecords,
  ) {
    this.end = journal.end;
  }

  /** images/s so far; nothing while all were known already */
  rate(): string {
    if (this.encoded === 0) return '';
    const seconds = (performance.now() - this.started) / 1000;
    return `${(this.encoded / seconds).toFixed(0)} images/s`;
  }

  /** Whether an image of this content is in the store. */
  holds(hash: string): boolean {
    if (this.usable.has(hash)) return true;
    const entry = this.journal.byHash.get(hash);
    if (!entry || this.shards.findDamaged([entry]).length > 0) return false;
    this.usable.set(hash, entry);
    return true;
  }

  /** An image whose content is in the store under another name or date. */
  addKnown(image: string, facts: FileFacts & { hash: string }): void {
    const same = this.usable.get(facts.hash) as StoredImage;
    this.uncommitted.push({ image, entry: { ...same, ...facts } });
  }

  async encode(batch: readonly Waiting[]): Promise<void> {
    const { encode, featureShape } = this.options;
    const pixels = stackPixels(batch.map((waiting) => waiting.pixels)); // (B, H, W, 3)
    const features = await encode(pixels, batch.length); // (B, ...featureShape)
    const size = this.shards.recordBytes / 2;
    if (features.length !== batch.length * size) {
      throw new Error(
        `the encoder gave ${features.length} numbers for ${batch.length} images of features [${featureShape}]`,
      );
    }
    const record = new Uint16Array(size);
    const bytes = new Uint8Array(record.buffer);
    batch.forEach(({ image, facts }, i) => {
      const bad = toHalf(features.subarray(i * size, (i + 1) * size), record);
      if (bad !== -1) {
        throw new UserError(`The features of the image ${image} are not finite (element ${bad}).`, {
          hint: 'Check encoder.weights: they may be damaged or belong to another architecture.',
        });
      }
      this.shards.write(this.end, bytes);
      const entry = { ...facts, position: this.end++, crc: crc32(bytes) };
      this.usable.set(entry.hash, entry);
      this.uncommitted.push({ image, entry });
    });
    this.encoded += batch.length;
    if (performance.now() - this.committed > COMMIT_MS) this.commit();
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
