/**
 * Features of a frozen encoder on disk, float16: each image is encoded once, whatever the number of captions,
 * epochs and runs. A store is a folder of
 *   store.json     what the features are (store-manifest.ts)
 *   shard-*.f16    records of one size, appended (store-shards.ts)
 *   journal.txt    which image is which record (store-journal.ts)
 *   checked-*.pack of which images all records are known to be whole (store-checked.ts)
 *   lock           held while a process writes (core/lock.ts)
 * A process that is killed loses at most a batch and two seconds' work. Memory holds the index, never the features.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import type { ImageConfig } from '../config/index.js';
import { halfTable, Lock, UserError, type Log } from '../core/index.js';
import type { ImageNames } from './image-folder.js';
import { BadImages, loadImages, type SkippedImage } from './image-loader.js';
import { CheckedImages } from './store-checked.js';
import { Journal } from './store-journal.js';
import { openStoreFolder, type FeatureKey } from './store-manifest.js';
import { StoreRecords } from './store-records.js';
import { Shards } from './store-shards.js';
import { StoreWriter, type FileFacts, type Waiting } from './store-writer.js';

export interface FeatureStoreOptions {
  /** folder of all stores; each key has its own below */
  directory: string;
  key: FeatureKey;
  /** file names relative to imageDirectory */
  images: ImageNames;
  /** what the images are known by, where their sizes and times have been looked at already */
  imageSet?: string;
  imageDirectory: string;
  imageConfig: ImageConfig;
  /** of one image, for instance [7, 7, 576] */
  featureShape: readonly number[];
  /** features (count, ...featureShape) of `count` images (count, H, W, 3) */
  encode: (pixels: Uint8Array, count: number) => Float32Array | Promise<Float32Array>;
  /** images encoded at a time */
  batchSize?: number;
  onBadImage: 'error' | 'skip';
  log: Log;
  /** stops building; what is encoded by then stays */
  signal?: AbortSignal;
}

export class FeatureStore {
  readonly featureShape: number[];
  private records: StoreRecords;
  private readonly bad: BadImages;
  private readonly checked: CheckedImages | null;
  /** Of reads that are done, for those to come. */
  private readonly spare: Uint16Array[] = [];

  private constructor(
    private readonly options: FeatureStoreOptions,
    private readonly folder: string,
    private readonly shards: Shards,
  ) {
    this.featureShape = [...options.featureShape];
    this.records = StoreRecords.empty(options.images.length);
    this.checked = options.imageSet ? new CheckedImages(folder, options.imageSet, options.images) : null;
    this.bad = new BadImages(options.onBadImage, options.log);
  }

  /** Opens the store of `key` and encodes those of `images` that it does not hold, or holds in another version. */
  static async openOrBuild(options: FeatureStoreOptions): Promise<FeatureStore> {
    const { folder, manifest } = openStoreFolder(options.directory, options.key, options.featureShape);
    const shards = new Shards(folder, manifest.recordBytes, manifest.recordsPerShard);
    const store = new FeatureStore(options, folder, shards);
    try {
      if (!store.reopen()) await store.checkAndBuild();
      store.bad.finish(options.images.length);
      return store;
    } catch (error) {
      store.close();
      throw error;
    }
  }

  /** Takes what an earlier start found out. */
  private reopen(): boolean {
    const known = this.checked?.read();
    if (!known) return false;
    this.records = known.records;
    for (const { image, reason } of known.skipped) this.bad.add(image, new UserError(reason));
    return true;
  }

  private async checkAndBuild(): Promise<void> {
    const images = [...new Set(this.options.images)];
    const missing = this.locate(images, this.checkedJournal(images));
    if (missing.size > 0) await this.build([...missing.keys()]);
    this.checked?.write(this.records, this.bad.skipped);
  }

  /** Images that could not be used. */
  get skipped(): readonly SkippedImage[] {
    return this.bad.skipped;
  }

  has(image: string): boolean {
    return this.records.find(image) !== undefined;
  }

  /**
   * Features (B, ...featureShape) of B images, in a new array. Read by other threads, several at a time, so that a disk that
   * takes its time holds up nobody who asks ahead.
   */
  async read(images: readonly string[]): Promise<Float32Array> {
    const { recordBytes } = this.shards;
    const count = (images.length * recordBytes) / 2;
    const spare = this.spare.pop();
    const halves = spare && spare.length >= count ? spare : new Uint16Array(count);
    const bytes = new Uint8Array(halves.buffer);
    const whole = await Promise.all(
      images.map(async (image, i) => {
        const record = this.records.find(image);
        if (!record) throw new Error(`the feature store ${this.folder} has no image ${image}`);
        const place = bytes.subarray(i * recordBytes, (i + 1) * recordBytes);
        return (await this.shards.readAhead(record.position, place)) && crc32(place) === record.crc;
      }),
    );
    const torn = whole.indexOf(false);
    if (torn >= 0) throw this.torn(images[torn]);
    const table = halfTable();
    const features = new Float32Array(count); // (B, ...featureShape)
    for (let i = 0; i < count; i++) features[i] = table[halves[i]];
    this.spare.push(halves);
    return features;
  }

  close(): void {
    this.shards.close();
    this.records = StoreRecords.empty(0);
  }

  private torn(image: string): UserError {
    this.checked?.forget();
    return new UserError(
      `The record of ${image} in the feature store ${this.folder} was damaged or lost while the store was open.`,
      { hint: 'Run the command again: what is missing is encoded anew.' },
    );
  }

  /** The journal, without the records of `images` whose bytes are not what was written. */
  private checkedJournal(images: readonly string[]): Journal {
    const journal = Journal.read(join(this.folder, 'journal.txt'));
    const wanted = images
      .map((image) => journal.byPath.get(this.pathOf(image)))
      .filter((entry) => entry !== undefined);
    journal.damaged.push(...this.shards.findDamaged(wanted));
    for (const position of journal.damaged) journal.forget(position);
    return journal;
  }

  /** Takes the positions of the images whose file is as the journal knows it; returns the others. */
  private locate(images: Iterable<string>, journal: Journal): Map<string, FileFacts> {
    const missing = new Map<string, FileFacts>();
    for (const image of images) {
      const known = journal.byPath.get(this.pathOf(image));
      const facts = this.factsOf(image);
      if (known && known.size === facts.size && known.mtimeMs === facts.mtimeMs) {
        this.records.set(image, known);
      } else missing.set(image, facts);
    }
    return missing;
  }

  private pathOf(image: string): string {
    return resolve(this.options.imageDirectory, image);
  }

  /** Asked before the file is read, so that a file that changes meanwhile is looked at again next time. */
  private factsOf(image: string): FileFacts {
    const path = this.pathOf(image);
    const stat = statSync(path, { throwIfNoEntry: false });
    return { path, size: stat?.size ?? -1, mtimeMs: stat?.mtimeMs ?? -1 };
  }

  private async build(missing: readonly string[]): Promise<void> {
    const { log, signal } = this.options;
    const lock = await Lock.acquire(join(this.folder, 'lock'), 'builds this feature store', log, signal);
    try {
      // Another process may have encoded them while this one waited.
      const journal = this.checkedJournal(missing);
      const todo = this.locate(missing, journal);
      if (journal.damaged.length > 0) {
        log.warn(
          `${journal.damaged.length} records of the feature store ${this.folder} are damaged; ` +
            'their images are encoded again.',
        );
      }
      if (todo.size > 0) await this.encodeAll(todo, journal, lock);
    } finally {
      lock.release();
    }
  }

  private async encodeAll(todo: Map<string, FileFacts>, journal: Journal, lock: Lock): Promise<void> {
    const { imageConfig, imageDirectory, log, signal } = this.options;
    const images = [...todo.keys()];
    const batchSize = this.options.batchSize ?? 64;
    const writer = new StoreWriter(this.options, journal, this.shards, lock, this.records);
    const progress = log.progress('encoding images', images.length);
    let done = 0;
    try {
      const loaded = loadImages({
        images,
        imageDirectory,
        imageConfig,
        ahead: 2 * batchSize,
        prepare: (image, bytes) => {
          const hash = createHash('sha256').update(bytes).digest('hex');
          return { prepared: { ...todo.get(image)!, hash }, needed: !writer.holds(hash) };
        },
      });
      let waiting: Waiting[] = [];
      for await (const item of loaded) {
        signal?.throwIfAborted();
        done++;
        if ('error' in item) this.bad.add(item.image, item.error);
        else if (!item.pixels || writer.holds(item.prepared.hash)) {
          writer.addKnown(item.image, item.prepared);
        } else waiting.push({ image: item.image, facts: item.prepared, pixels: item.pixels });
        if (waiting.length === batchSize || (done === images.length && waiting.length > 0)) {
          await writer.encode(waiting);
          waiting = [];
        }
        progress.update(done, writer.rate());
      }
      writer.commit();
    } catch (error) {
      writer.commitQuietly();
      throw error;
    } finally {
      progress.end();
    }
  }
}
