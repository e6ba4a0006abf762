/** Reports of trainings as pages. */
import { writeFileAtomic } from '../../core/index.js';
import type { JournalEntry } from '../journal.js';
import type { TrainingRun } from '../runs.js';
import { reportedRun, reportedRuns } from './data.js';
import { reportPage } from './page.js';
import { samplePhotos, type Photos } from './samples.js';

/**
 * Writes one page on trainings as they are on the disk: all of a single one, or several compared.
 * @param runs one or more
 * @throws UserError for a damaged journal
 */
export async function writeReport(
  path: string,
  runs: readonly TrainingRun[],
  now = new Date(),
): Promise<void> {
  const reported = reportedRuns(runs);
  writeFileAtomic(path, reportPage(reported, { photos: await samplePhotos(reported), now }));
}

/** The report of a training that goes on, written anew again and again. */
export class GrowingReport {
  private photos: Photos | undefined;

  constructor(private readonly path: string) {}

  async write(run: TrainingRun, entries: readonly JournalEntry[]): Promise<void> {
    const reported = [reportedRun(run, entries)];
    // The sample images stay the same, so their files are read once.
    if (run.lastEpoch) this.photos ??= await samplePhotos(reported);
    writeFileAtomic(this.path, reportPage(reported, { photos: this.photos ?? new Map(), now: new Date() }));
  }
}
