/** Images/s from tar shards to files of captions, and memory on the way, beside what the model alone does on ready pixels. */
import { createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import { currentBackend } from '../src/backend/index.js';
import { silentLog, type Log } from '../src/core/index.js';
import { Captioner, captionShards, prepareImage, type RowFormat } from '../src/infer/index.js';
import { median, rates, type Measurement } from './measure.js';

export interface ShardsOptions {
  checkpoint: string;
  /** Folder of JPEG files; they are repeated until there are `count`. */
  images: string;
  count: number;
  /** Images of a tar. */
  perShard: number;
  /** Images that the device captions together. */
  batch: number;
  format: RowFormat;
}

const MiB = 2 ** 20;
/** Images of the model's own measure, in each of so many repeats. */
const ALONE = { images: 128, warmup: 1, repeats: 5 };

/** Images/s of the whole run behind its start-up, as the one value. */
export async function measureShards(options: ShardsOptions): Promise<Measurement> {
  const { checkpoint, count, batch: batchSize, format } = options;
  const directory = mkdtempSync(join(tmpdir(), 'showtell-bench-shards-'));
  try {
    const files = readdirSync(options.images)
      .filter((name) => /\.jpe?g$/i.test(name))
      .sort();
    await writeShards(directory, files, options);
    const alone = await modelAlone(options, files);
    const readings = new Readings(count);
    const result = await captionShards({
      ...{ checkpoint, batchSize, format },
      ...{ inputs: [join(directory, '*.tar')], output: join(directory, 'captions'), log: readings.log },
    });
    if (result.images !== count || result.failed > 0) {
      throw new Error(`${result.images} of ${count} images were captioned, ${result.failed} with an error`);
    }
    const rate = readings.rate();
    return {
      values: [rate],
      facts: {
        'model alone': `${alone.toFixed(1)} images/s on ready pixels, ${((100 * rate) / alone).toFixed(0)} % of it reached`,
        ...readings.facts(),
        ...{ images: count, shards: result.shards },
        ...{ backend: currentBackend()!.name, threads: currentBackend()!.threads },
      },
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function writeShards(
  directory: string,
  files: readonly string[],
  { images, count, perShard }: ShardsOptions,
): Promise<void> {
  const digits = (n: number, width: number) => String(n).padStart(width, '0');
  for (let first = 0, shard = 0; first < count; first += perShard, shard++) {
    const archive = pack();
    const written = pipeline(archive, createWriteStream(join(directory, `${digits(shard, 5)}.tar`)));
    for (let i = first; i < Math.min(count, first + perShard); i++) {
      const key = digits(i, 9);
      const photo = readFileSync(join(images, files[i % files.length]));
      for (const [name, content] of [
        [`${key}.jpg`, photo],
        [`${key}.txt`, Buffer.from('a caption of the web')],
        [`${key}.json`, Buffer.from(JSON.stringify({ key }))],
      ] as const) {
        // Waits for the disk: a shard is never in memory.
        await new Promise<void>((resolve, reject) =>
          archive.entry({ name, size: content.length, mtime: new Date(0) }, content, (error) =>
            error ? reject(error) : resolve(),
          ),
        );
      }
    }
    archive.finalize();
    await written;
  }
}

/** Images/s of encoder and decoder on pixels that lie ready. */
async function modelAlone({ checkpoint, images, batch }: ShardsOptions, files: string[]): Promise<number> {
  const captioner = await Captioner.load(checkpoint);
  try {
    const { image } = captioner.checkpoint.config;
    const prepared = await Promise.all(
      Array.from({ length: ALONE.images }, (_, i) =>
        prepareImage(join(images, files[i % files.length]), image),
      ),
    );
    const values = await rates(ALONE, () => {
      for (let i = 0; i < prepared.length; i += batch)
        captioner.captionPrepared(prepared.slice(i, i + batch));
      return prepared.length;
    });
    return median(values);
  } finally {
    captioner.dispose();
  }
}

/** Time and memory while images are captioned, as the log tells of them. */
class Readings {
  private readonly read: { images: number; at: number; rss: number }[] = [];
  private finished = 0;
  readonly log: Log;

  constructor(private readonly count: number) {
    this.log = {
      ...silentLog,
      progress: () => {
        let images = 0; // of this shard
        return {
          update: (_, note) => {
            images = parseInt(note!, 10);
            this.read.push({
              images: this.finished + images,
              at: performance.now(),
              rss: process.memoryUsage.rss(),
            });
          },
          end: () => void (this.finished += images),
        };
      },
    };
  }

  /** Behind the first batch, which the start of model and threads takes part in. */
  rate(): number {
    const [first, last] = [this.read[0], this.read[this.read.length - 1]];
    return (1000 * (last.images - first.images)) / (last.at - first.at);
  }

  facts(): Record<string, string> {
    return Object.fromEntries(
      [10, 50, 100].map((percent) => {
        const reading = this.read.find(({ images }) => images >= (percent / 100) * this.count)!;
        return [`RSS at ${percent} %`, `${(reading.rss / MiB).toFixed(0)} MiB`];
      }),
    );
  }
}
