/** The curves of one training, or of several in the same charts. */
import { lineChart, type Chart, type ChartLine, type Markup } from '../../core/index.js';
import type { EpochEntry, StepEntry } from '../journal.js';
import { selfCriticalStart, type ReportedRun } from './data.js';

type Marks = NonNullable<Chart['marks']>;

/** Over steps. */
export function trainingCharts(runs: readonly ReportedRun[]): Markup[] {
  const before = ({ steps }: ReportedRun) => steps.slice(0, selfCriticalStart(steps));
  const behind = ({ steps }: ReportedRun) => steps.slice(selfCriticalStart(steps));
  const all = ({ steps }: ReportedRun) => steps;
  const chart = (
    id: string,
    title: string,
    name: string,
    steps: (run: ReportedRun) => readonly StepEntry[],
    value: (entry: StepEntry) => number,
    logarithmic = false,
  ) =>
    lineChart({
      ...{ id, title, across: 'step', logarithmic },
      marks: steps === all ? stageMark(runs, all, 'step') : [],
      lines: runs.map((run) => ({
        name: runs.length > 1 ? run.name : name,
        points: steps(run).map((entry) => ({ x: entry.step, y: value(entry) })),
      })),
    });
  const norms = runs.flatMap(all).map(({ gradientNorm }) => gradientNorm);
  return [
    chart('loss', 'Training loss, nats a word', 'loss', before, ({ loss }) => loss),
    chart(
      'reward',
      'Reward: CIDEr-D of sampled captions, times 100',
      'reward',
      behind,
      ({ reward }) => 100 * reward!,
    ),
    chart('critical-loss', 'Self-critical loss, -advantage x log p', 'loss', behind, ({ loss }) => loss),
    chart('rate', 'Learning rate', 'rate', all, ({ learningRate }) => learningRate),
    chart(
      'norm',
      'Gradient norm, before clipping',
      'norm',
      all,
      ({ gradientNorm }) => gradientNorm,
      spans(norms),
    ),
    chart('speed', 'Speed, words a second', 'words/s', all, ({ wordsPerSecond }) => wordsPerSecond),
  ];
}

/** Over epochs. */
export function validationCharts(runs: readonly ReportedRun[]): Markup[] {
  const single = runs.length === 1;
  const [{ run }] = runs;
  const marks: Marks = [
    ...stageMark(runs, ({ epochs }) => epochs, 'epoch'),
    ...(single && run.best
      ? [{ x: run.best.epoch, label: `best: epoch ${run.best.epoch}`, kind: 'best' as const }]
      : []),
  ];
  const line = (name: string, { epochs }: ReportedRun, value: (entry: EpochEntry) => number): ChartLine => ({
    name,
    points: epochs.map((entry) => ({ x: entry.epoch, y: 100 * value(entry) })),
  });
  const bleu = single
    ? [0, 1, 2, 3].map((n) => line(`BLEU-${n + 1}`, runs[0], ({ validation }) => validation.bleu[n]))
    : runs.map((run) => line(run.name, run, ({ validation }) => validation.bleu[3]));
  const cider = runs.map((run) =>
    line(single ? 'CIDEr-D' : run.name, run, ({ validation }) => validation.ciderD),
  );
  const shared = { across: 'epoch', marks, table: !single };
  return [
    lineChart({
      ...shared,
      id: 'bleu',
      title: `${single ? 'BLEU' : 'BLEU-4'} of validation captions, times 100`,
      lines: bleu,
    }),
    lineChart({ ...shared, id: 'cider', title: 'CIDEr-D of validation captions, times 100', lines: cider }),
  ];
}

/** Where self-critical training begins, of a single run. */
function stageMark<K extends 'step' | 'epoch'>(
  runs: readonly ReportedRun[],
  of: (run: ReportedRun) => readonly ({ reward?: number } & Record<K, number>)[],
  key: K,
): Marks {
  if (runs.length > 1) return [];
  const first = of(runs[0])[selfCriticalStart(of(runs[0]))];
  return first ? [{ x: first[key], label: `self-critical from ${key} ${first[key]}`, kind: 'stage' }] : [];
}

/** Whether values are so far apart that powers of ten show them better. */
function spans(values: readonly number[]): boolean {
  let [least, most] = [Infinity, 0];
  for (const value of values) {
    if (!(value > 0) || value === Infinity) continue;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return most > 50 * least;
}
