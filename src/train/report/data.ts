/** What a report shows of a training. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EpochEntry, JournalEntry, StepEntry } from '../journal.js';
import { nameOf, readEntries, type TrainingRun } from '../runs.js';

export interface ReportedRun {
  /** Tells it from the others of the page. */
  name: string;
  run: TrainingRun;
  steps: StepEntry[];
  epochs: EpochEntry[];
  /** Of its data; none before the first checkpoint. */
  facts: [what: string, value: string][];
}

/** @param entries of its journal; read where they are not given */
export function reportedRun(
  run: TrainingRun,
  entries: readonly JournalEntry[] = readEntries(run.directory),
): ReportedRun {
  return {
    name: nameOf(run),
    run,
    steps: entries.filter((entry) => entry.event === 'step'),
    epochs: entries.filter((entry) => entry.event === 'epoch'),
    facts: factsOf(run.directory),
  };
}

/** Runs of the same name are called by their paths. */
export function reportedRuns(runs: readonly TrainingRun[]): ReportedRun[] {
  const names = runs.map(nameOf);
  return runs.map((run, i) => {
    const alone = names.filter((name) => name === names[i]).length === 1;
    return { ...reportedRun(run), name: alone ? names[i] : run.directory };
  });
}

/** The first step or epoch of self-critical training. */
export function selfCriticalStart(entries: readonly { reward?: number }[]): number {
  const first = entries.findIndex(({ reward }) => reward !== undefined);
  return first < 0 ? entries.length : first;
}

/** From the best checkpoint; what is missing or damaged there is left out. */
function factsOf(directory: string): ReportedRun['facts'] {
  const read = (name: string): Record<string, unknown> => {
    const path = join(directory, 'best', name);
    try {
      return existsSync(path)
        ? ((JSON.parse(readFileSync(path, 'utf8')) ?? {}) as Record<string, unknown>)
        : {};
    } catch {
      return {};
    }
  };
  const { trainImages, trainCaptions, validation } = read('metrics.json');
  const { words } = read('vocabulary.json');
  const found: [string, unknown][] = [
    ['training images', trainImages],
    ['training captions', trainCaptions],
    ['validation images', (validation as { images?: unknown } | null | undefined)?.images],
    ['entries of the vocabulary', Array.isArray(words) ? words.length : undefined],
  ];
  return found.flatMap(([what, value]) =>
    typeof value === 'number' ? [[what, value.toLocaleString('en')] as [string, string]] : [],
  );
}

/** At most about `most` epochs, evenly spread: with the first, the last and the best. */
export function spread(epochs: readonly EpochEntry[], best: EpochEntry | null, most: number): EpochEntry[] {
  if (epochs.length <= most) return [...epochs];
  const kept = new Set(
    Array.from({ length: most }, (_, i) => Math.round((i * (epochs.length - 1)) / (most - 1))),
  );
  return epochs.filter(({ epoch }, i) => kept.has(i) || epoch === best?.epoch);
}
