/** Captions of more images than a process can hold: shard by shard, by as many processes as there are, again where one died. */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { inBfloat16, type BackendOptions } from '../../backend/index.js';
import { compiledScript, silentLog, ThreadPool, UserError, type Lock, type Log } from '../../core/index.js';
import { prefetch } from '../../data/index.js';
import { Captioner, defaultBatch } from '../captioner.js';
import { resolveSearch } from '../decoding/index.js';
import type { PreparedImage } from '../prepare.js';
import { describeCaptionSearch, type CaptionSearch } from '../search.js';
import type { ShardImageRequest } from './image-thread.js';
import { ShardError, shardImages, shardSize, type MissingImage } from './images.js';
import { checkOutputFolder, OutputFolder, type OutputSettings, type ShardCounts } from './output.js';
import { defaultRowsPerShard, planShards, type PlanOptions, type Shard } from './plan.js';
import type { CaptionRow, RowFormat, RowWriter } from './rows.js';

/** Batches of images that are being decoded, or wait, behind the one that the device works on. */
const BATCHES_AHEAD = 3;

export interface CaptionShardsOptions extends PlanOptions {
  /** directory of the checkpoint */
  checkpoint: string;
  /** Folder of the outputs; made where it is missing. */
  output: string;
  /** default: jsonl */
  format?: RowFormat;
  search?: Omit<CaptionSearch, 'captions'>;
  /** The shards that this process takes: those whose number leaves `index` when divided by `count`; default: all. */
  share?: { index: number; count: number; why?: string };
  /** Images that the device captions together; default: 16. */
  batchSize?: number;
  /** Make outputs of other settings or inputs anew, instead of refusing them. */
  overwrite?: boolean;
  /** Threads that decode; default: one a processor core. */
  threads?: number;
  device?: BackendOptions;
  log?: Log;
  /** Aborting ends the work with the signal's reason; finished shards are kept, the one at hand is not. */
  signal?: AbortSignal;
}

export interface CaptionShardsResult extends ShardCounts {
  /** Shards of all processes, and those of this one. */
  shards: number;
  taken: number;
  /** Shards of this process that were finished before. */
  before: number;
  /** Those that could not be read to their end, and why. */
  damaged: { shard: string; error: string }[];
}

/**
 * Captions every shard of this process's share whose output is not there yet.
 *
 * An image that cannot be read is a row with its error, a shard that cannot be read has no output; the others go on.
 * @throws UserError for inputs that are missing, options that do not fit, or an output that cannot be written or is of
 *   something else
 */
export async function captionShards(options: CaptionShardsOptions): Promise<CaptionShardsResult> {
  const { output, share = { index: 0, count: 1 }, log = silentLog, signal, overwrite = false } = options;
  const { batchSize = defaultBatch } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new UserError(`the batch size is ${batchSize}; it must be an integer of 1 or more`);
  }
  checkOutputFolder(output);
  const shards = await planShards(options);
  const own = shards.filter((_, n) => n % share.count === share.index);
  const why = share.why === undefined ? '' : `, by ${share.why}`;
  log.info(`takes ${own.length} of ${shards.length} shards: index ${share.index} of ${share.count}${why}`);

  const captioner = await Captioner.load(options.checkpoint, options.device);
  const pool = new ThreadPool<ShardImageRequest, PreparedImage>(
    compiledScript(import.meta.url, 'image-thread.js'),
    captioner.checkpoint.config.image,
    options.threads ?? availableParallelism(),
  );
  try {
    const search = options.search ?? {};
    captioner.captionPrepared([], search); // what is wrong with it is said before anything is written
    const settings = settingsOf(captioner, search, options);
    const folder = await OutputFolder.open(output, settings, { overwrite, log, signal });
    const todo = folder.unfinished(own);
    if (todo.length < own.length) log.info(`${own.length - todo.length} of them are finished already`);
    const work = new Work(captioner, pool, folder, { search, batchSize, log, signal });
    await work.all(todo);
    return { shards: shards.length, taken: own.length, before: own.length - todo.length, ...work.result };
  } finally {
    await pool.close();
    captioner.dispose();
  }
}

function settingsOf(
  { checkpoint }: Captioner,
  { bannedWords = [], prefix = '', ...search }: CaptionSearch,
  { format = 'jsonl', rowsPerShard = defaultRowsPerShard }: CaptionShardsOptions,
): OutputSettings {
  const preparation = JSON.stringify([checkpoint.config.image, checkpoint.vocabulary.toJSON()]);
  return {
    checkpoint: checkpoint.hash,
    preparation: createHash('sha256').update(preparation).digest('hex'),
    decoding: describeCaptionSearch({ bannedWords, prefix, ...search }),
    search: { ...resolveSearch(search), bannedWords, prefix },
    format,
    rowsPerShard,
    ...(inBfloat16() && { precision: 'bfloat16' as const }),
  };
}

type Read = MissingImage | { key: string; prepared: PreparedImage };

/** The shards of one process, one after another. */
class Work {
  readonly result: ShardCounts & Pick<CaptionShardsResult, 'damaged'> = { images: 0, failed: 0, damaged: [] };
  private begun = 0;

  constructor(
    private readonly captioner: Captioner,
    private readonly pool: ThreadPool<ShardImageRequest, PreparedImage>,
    private readonly folder: OutputFolder,
    private readonly options: { search: CaptionSearch; batchSize: number; log: Log; signal?: AbortSignal },
  ) {}

  async all(shards: readonly Shard[]): Promise<void> {
    const { log, signal } = this.options;
    const elsewhere: Shard[] = [];
    for (const shard of shards) {
      signal?.throwIfAborted();
      const lock = this.folder.take(shard);
      if ('owner' in lock) {
        log.info(`${shard.name}: another process (${lock.owner}) captions it`);
        elsewhere.push(shard);
      } else await this.one(shard, lock, shards.length);
    }
    // This process is done when its shards are, whoever captions them.
    for (const shard of elsewhere) {
      await this.one(shard, await this.folder.waitFor(shard, log, signal), shards.length);
    }
  }

  private async one(shard: Shard, lock: Lock, total: number): Promise<void> {
    const { log } = this.options;
    const began = performance.now();
    this.begun++;
    try {
      if (this.folder.isDone(shard)) return; // by another process, meanwhile
      const title = `${shard.name} (${this.begun}/${total})`;
      const counts = await this.folder.write(shard, lock, (rows) => this.caption(shard, rows, title));
      const { images, failed } = counts;
      this.result.images += images;
      this.result.failed += failed;
      const rate = (1000 * images) / (performance.now() - began);
      log.info(
        `${title}: ${images} images, ${rate.toFixed(1)} images/s${failed ? `, ${failed} with an error` : ''}`,
      );
      if (images === 0) log.warn(`${shard.name} holds no image`);
    } catch (error) {
      if (!(error instanceof ShardError)) throw error;
      this.result.damaged.push({ shard: shard.name, error: error.message });
      log.warn(error.message);
    } finally {
      lock.release();
    }
  }

  private async caption(shard: Shard, rows: RowWriter, title: string): Promise<ShardCounts> {
    const { batchSize, log, signal } = this.options;
    const counts: ShardCounts = { images: 0, failed: 0 };
    const progress = log.progress(title, shardSize(shard));
    const began = performance.now();
    let read = 0;
    const finish = async (batch: Read[]) => {
      const finished = this.captionBatch(batch);
      rows.write(finished);
      counts.images += finished.length;
      counts.failed += finished.filter(({ error }) => error !== null).length;
      const rate = (1000 * counts.images) / (performance.now() - began);
      progress.update(read, `${counts.images} images, ${rate.toFixed(1)} images/s`);
      // A turn of the event loop, so that Ctrl-C and the bar get their time.
      await setImmediate();
      signal?.throwIfAborted();
    };
    try {
      const images = shardImages(shard, (done) => (read = done));
      let batch: Read[] = [];
      const ahead = () => BATCHES_AHEAD * batchSize;
      for await (const image of prefetch(images, ahead, (one) => this.prepare(one))) {
        batch.push(image);
        if (batch.length < batchSize) continue;
        await finish(batch);
        batch = [];
      }
      if (batch.length > 0) await finish(batch);
    } finally {
      progress.end();
    }
    return counts;
  }

  private async prepare(one: MissingImage | (ShardImageRequest & { key: string })): Promise<Read> {
    if ('error' in one) return one;
    const { key, name, image } = one;
    try {
      return { key, prepared: await this.pool.run({ image, name }) };
    } catch (error) {
      if (error instanceof UserError) return { key, error: error.message };
      throw error;
    }
  }

  private captionBatch(batch: readonly Read[]): CaptionRow[] {
    const captions = this.captioner
      .captionPrepared(
        batch.flatMap((one) => ('prepared' in one ? [one.prepared] : [])),
        this.options.search,
      )
      .values();
    return batch.map((one) => {
      if ('error' in one) return { key: one.key, caption: null, logProbability: null, error: one.error };
      const { text, logProbability } = captions.next().value!;
      return { key: one.key, caption: text, logProbability, error: null };
    });
  }
}
