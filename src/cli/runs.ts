import { findRuns, nameOf, settingsApart, type TrainingRun } from '../train/index.js';
import { defineCommand } from './types.js';

export const command = defineCommand({
  name: 'runs',
  describe: 'list trainings: how far they are, how well they do, and what sets them apart',
  positional: {
    name: 'folder',
    many: true,
    default: ['out'],
    describe: 'output directories of trainings, or folders that hold several',
  },
  options: {
    json: { type: 'boolean', default: false, describe: 'everything as JSON' },
  },
  examples: [
    ['showtell runs', 'the trainings in out/'],
    ['showtell runs out/a out/b', 'two of them, with the settings that differ'],
  ],
  handler(args, { print, log }) {
    const folders = args.folder as string[];
    const runs = [
      ...new Map(
        folders.flatMap((folder) => findRuns(folder, log)).map((run) => [run.directory, run]),
      ).values(),
    ];
    if (args.json) {
      print(JSON.stringify(runs, null, 2));
      return Promise.resolve();
    }
    for (const line of table([HEADINGS, ...runs.map(row)])) print(line);
    const apart = runs.length > 1 ? settingsApart(runs) : [];
    if (apart.length === 0) return Promise.resolve();
    print('');
    for (const line of table([
      ['settings that differ', ...runs.map(nameOf)],
      ...apart.map(({ key, values }) => [key, ...values]),
    ])) {
      print(line);
    }
    return Promise.resolve();
  },
});

const HEADINGS = ['training', 'state', 'epochs', 'best', 'BLEU-1..4', 'CIDEr-D', 'loss', 'words/s', 'time'];

const percent = (value: number) => (100 * value).toFixed(1);

function row(run: TrainingRun): string[] {
  const { state, epochs, allEpochs, best, lastEpoch, lastStep } = run;
  const newest = lastStep && lastStep.step > (lastEpoch?.step ?? 0) ? lastStep : lastEpoch;
  const loss = newest && ('loss' in newest ? newest.loss : newest.trainLoss);
  return [
    nameOf(run),
    state,
    `${epochs}/${allEpochs}`,
    best ? String(best.epoch) : '',
    best ? best.validation.bleu.map(percent).join(' ') : '',
    best ? percent(best.validation.ciderD) : '',
    loss === null ? '' : loss.toFixed(3),
    newest ? newest.wordsPerSecond.toFixed(0) : '',
    newest ? duration(newest.seconds) : '',
  ];
}

function duration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Columns side by side; the first row is the head. */
function table(rows: string[][]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
  return rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
}
