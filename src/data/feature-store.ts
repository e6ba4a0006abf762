/**
 * Features of a frozen encoder on disk, float16: each image is encoded once, whatever the number of captions,
 * epochs and runs. A store is a folder of
 *   store.json     what the features are (store-manifest.ts)
 *   shard-*.f16    records of one size, appended (store-shards.ts)
 *   journal.txt    which image is which record (store-journal.ts)
 *   checked-*.pack of which images all records are known to be whole (store-checked.ts)
 *   lock           held while a process writes (core/lock.ts)
 * A process that is killed loses at most a batch and two seconds' work. Memory holds the index, never the features.
 * Several processes may share out the encoding; rank 0 alone writes.
 */
import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import type { ImageConfig } from '../config/index.js';
import { halfTable, Lock, messageOf, UserError, type Log } from '../core/index.js';
import type { ImageNames } from './image-folder.js';
import { BadImages, type SkippedImage } from './image-loader.js';
import { CheckedImages } from './store-checked.js';
import { encodeShare, noTeam, type EncodedBatch, type FileFacts, type Team } from './store-encoder.js';
import { Journal } from './store-journal.js';
import { openStoreFolder, type FeatureKey } from './store-manifest.js';
import { StoreRecords } from './store-records.js';
import { Shards } from './store-shards.js';
import { KnownContents, StoreWriter } from './store-writer.js';

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
  /** the processes that open it together, of the same files; default: this one alone */
  team?: Team;
}

/** Images that are encoded together, unless an option says how many. */
const BATCH = 64;

export class FeatureStore {
  readonly featureShape: number[];
  private records: StoreRecords;
  private readonly bad: BadImages;
  private readonly team: Team;
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
    this.checked = options.imageSet
      ? new CheckedImages(folder, options.imageSet, options.images, options.imageDirectory)
      : null;
    this.bad = new BadImages(options.onBadImage, options.log);
    this.team = options.team ?? noTeam;
  }

  /** Opens the store of `key` and encodes those of `images` that it does not hold, or holds in another version. */
  static async openOrBuild(options: FeatureStoreOptions): Promise<FeatureStore> {
    const { folder, manifest } = openStoreFolder(options.directory, options.key, options.featureShape);
    const shards = new Shards(folder, manifest.recordBytes, manifest.recordsPerShard);
    const store = new FeatureStore(options, folder, shards);
    try {
      store.checkSameStore();
      if (!store.reopen()) await store.checkAndBuild();
      store.bad.finish(options.images.length);
      return store;
    } catch (error) {
      store.close();
      throw error;
    }
  }

  /** @throws UserError where processes would put other features into it than rank 0 */
  private checkSameStore(): void {
    const { images, onBadImage, batchSize = BATCH } = this.options;
    const wanted = this.team.gather(
      JSON.stringify([basename(this.folder), images.length, batchSize, onBadImage]),
    );
    const others = wanted.flatMap((own, rank) => (own === wanted[0] ? [] : [rank]));
    if (others.length === 0) return;
    throw new UserError(`rank ${others.join(', ')} wants other features than rank 0`, {
      hint: 'all processes need the same images, encoder, weights, stage and image settings',
    });
  }

  /** Takes what an earlier start found out, where all processes can. */
  private reopen(): boolean {
    const known = this.checked?.read();
    const all = this.team.gather(known ? 'known' : '');
    if (!known || all.includes('')) return false;
    this.records = known.records;
    for (const { image, reason } of known.skipped) this.bad.add(image, new UserError(reason));
    return true;
  }

  private async checkAndBuild(): Promise<void> {
    const images = [...new Set(this.options.images)];
    const missing = this.locate(images, this.checkedJournal(images));
    const counts = this.team.gather(String(missing.length));
    if (counts.some((count) => count !== '0')) await this.build(images, missing);
    if (this.team.rank === 0) this.checked?.write(this.records, this.bad.skipped);
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
      {
        hint: 'Run the command again, with a cache directory that can be written: what is missing is encoded anew.',
      },
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
  private locate(images: readonly string[], journal: Journal): string[] {
    return images.filter((image) => {
      const known = journal.byPath.get(this.pathOf(image));
      const facts = this.factsOf(image);
      if (known?.size !== facts.size || known.mtimeMs !== facts.mtimeMs) return true;
      this.records.set(image, known);
      return false;
    });
  }

  private pathOf(image: string): string {
    return resolve(this.options.imageDirectory, image);
  }

  private factsOf(image: string): FileFacts {
    const stat = statSync(this.pathOf(image), { throwIfNoEntry: false });
    return { size: stat?.size ?? -1, mtimeMs: stat?.mtimeMs ?? -1 };
  }

  /** @param missing as this process sees it; rank 0 decides */
  private async build(images: readonly string[], missing: readonly string[]): Promise<void> {
    const { log, signal } = this.options;
    const { rank } = this.team;
    const work = 'builds this feature store';
    const lock = rank === 0 ? await Lock.acquire(join(this.folder, 'lock'), work, log, signal) : undefined;
    let failure: Error | undefined;
    try {
      // Another program may have encoded them while this one waited.
      const journal = this.checkedJournal(missing);
      const own = this.locate(missing, journal);
      const todo = JSON.parse(this.team.gather(lock ? JSON.stringify(own) : '')[0]) as string[];
      if (journal.damaged.length > 0) {
        log.warn(
          `${journal.damaged.length} records of the feature store ${this.folder} are damaged; ` +
            'their images are encoded again.',
        );
      }
      if (todo.length > 0) failure = await this.encodeAll(todo, journal, lock);
    } finally {
      lock?.release();
    }
    this.team.gather('built'); // what rank 0 wrote is there, and may be read
    if (failure) throw failure;
    if (rank > 0) this.locateWritten(images);
  }

  private locateWritten(images: readonly string[]): void {
    // A network file system shows what another host appended to those who open the file again.
    this.shards.close();
    const skipped = new Set(this.skipped.map(({ image }) => image));
    const written = Journal.read(join(this.folder, 'journal.txt'));
    const lost = this.locate(images, written).find((image) => !skipped.has(image));
    if (lost === undefined) return;
    throw new UserError(`rank ${this.team.rank} does not see the image ${lost} as rank 0 does`, {
      hint: 'all processes need the same images and the same cache directory (SHOWTELL_CACHE)',
    });
  }

  /**
   * Encodes images, and writes them where there is a lock.
   * @returns why it ended early, the same in all processes
   */
  private async encodeAll(
    images: readonly string[],
    journal: Journal,
    lock: Lock | undefined,
  ): Promise<Error | undefined> {
    const { team, shards, options } = this;
    const { log, signal } = options;
    const known = new KnownContents(journal, shards);
    const pathOf = (image: string) => this.pathOf(image);
    const writer = lock && new StoreWriter(journal, shards, known, lock, this.records, pathOf);
    const share = encodeShare(images, {
      ...options,
      batchSize: options.batchSize ?? BATCH,
      factsOf: (image) => this.factsOf(image),
      knows: (hash) => known.get(hash) !== undefined,
      team,
    });
    const progress = log.progress('encoding images', images.length);
    let done = 0;
    try {
      for await (const { batch, records } of share) {
        const turns = team.gather(
          JSON.stringify({ ...batch, stop: signal?.aborted ?? false } satisfies Turn),
        );
        const batches = turns.map((turn) => JSON.parse(turn) as Turn);
        for (const [rank, own] of team.collect(records).entries()) writer?.add(batches[rank], own);
        for (const { encoded, bad, known: others } of batches)
          done += encoded.length + bad.length + others.length;
        progress.update(done, writer?.rate());
        const failure = this.failureOf(batches);
        if (!failure) continue;
        writer?.commitQuietly();
        return failure;
      }
      writer?.commit();
      return undefined;
    } catch (error) {
      writer?.commitQuietly();
      throw this.unwritable(error);
    } finally {
      progress.end();
    }
  }

  /** What is wrong with the disk, or the error as it is. */
  private unwritable(error: unknown): unknown {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES'].includes(code)) return error;
    return new UserError(`The feature store ${this.folder} cannot be written: ${messageOf(error)}`, {
      hint: 'make room on its disk, or set another cache directory (SHOWTELL_CACHE); what is stored so far is kept',
      cause: error,
    });
  }

  /** Leaves out or refuses bad images. */
  private failureOf(turns: readonly Turn[]): Error | undefined {
    for (const [rank, { bad, failure, stop }] of turns.entries()) {
      try {
        for (const { image, message } of bad) this.bad.add(image, new UserError(message));
        if (failure) throw new UserError(failure.message, failure);
        if (stop) this.options.signal?.throwIfAborted();
        if (stop) throw new UserError(`rank ${rank} was interrupted`);
      } catch (error) {
        return error as Error;
      }
    }
    return undefined;
  }
}

/** What a process tells the others after its turn. */
interface Turn extends EncodedBatch {
  /** It was interrupted. */
  stop: boolean;
}
