/**
 * Trainings on made-up data sets of several sizes: seconds until the first step, resident memory, and words/s of the first
 * steps of an epoch, each in a process of its own that finds all prepared.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CorpusChild, Observed } from './corpus-child.js';
import { corpusConfig, fillStore, writeDataset, writePhotos } from './corpus-data.js';
import { median, type Measurement } from './measure.js';
import { answerOf } from './processes.js';

export interface CorpusOptions {
  /** Training images of each data set, rising. */
  sizes: number[];
  /** Steps after which memory and speed are read. */
  steps: number;
  /** Trainings of each data set, all of them in turn. */
  repeats: number;
}

const MiB = 2 ** 20;
const child = fileURLToPath(new URL('./corpus-child.js', import.meta.url));

/** Bytes by which resident memory grows with each image, from the smallest data set to the largest, as the one value. */
export async function measureCorpus({ sizes, steps, repeats }: CorpusOptions): Promise<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), 'showtell-bench-corpus-'));
  try {
    const prepared: Observed[] = [];
    for (const size of sizes) prepared.push(await prepare(join(folder, String(size)), size));
    const seen: Observed[][] = sizes.map(() => []);
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const [i, size] of sizes.entries()) {
        const own = join(folder, String(size));
        const one = await start({ config: corpusConfig(own), cache: join(own, 'cache'), steps });
        console.error(`${size.toLocaleString('en')} images, ${repeat + 1} of ${repeats}: ${describe(one)}`);
        seen[i].push(one);
      }
    }
    const of = (i: number, what: keyof Observed) => median(seen[i].map((one) => one[what]));
    const facts = sizes.map((size, i) => {
      const { startup, peak } = prepared[i];
      const middle: Observed = {
        ...{ startup: of(i, 'startup'), processor: of(i, 'processor') },
        ...{ rss: of(i, 'rss'), peak: of(i, 'peak'), wordsPerSecond: of(i, 'wordsPerSecond') },
      };
      const before = `prepared in ${startup.toFixed(0)} s with ${(peak / MiB).toFixed(0)} MiB`;
      return [`${size.toLocaleString('en')} images:`, `${describe(middle)}; ${before}\n   `] as const;
    });
    const last = sizes.length - 1;
    return {
      values: [(of(last, 'rss') - of(0, 'rss')) / Math.max(1, sizes[last] - sizes[0])],
      facts: Object.fromEntries(facts),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function describe({ startup, processor, rss, peak, wordsPerSecond }: Observed): string {
  return (
    `start-up ${startup.toFixed(1)} s (${processor.toFixed(1)} s of processors), RSS ${(rss / MiB).toFixed(0)} MiB ` +
    `(peak ${(peak / MiB).toFixed(0)}), ${wordsPerSecond.toFixed(0)} words/s`
  );
}

/** Makes a data set up; a training of no step then packs its captions and checks its store. */
async function prepare(folder: string, size: number): Promise<Observed> {
  const cache = join(folder, 'cache');
  mkdirSync(folder);
  await writePhotos(folder);
  await start({ config: corpusConfig(folder, true), cache, steps: 0 });
  await writeDataset(folder, size);
  fillStore(folder, cache, size);
  return start({ config: corpusConfig(folder), cache, steps: 0 });
}

const start = (task: CorpusChild) =>
  answerOf<Observed>(child, [JSON.stringify(task)], 'a training of the bench corpus');
