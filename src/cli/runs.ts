import {
  duration,
  findRuns,
  nameOf,
  newestOf,
  settingsApart,
  writeReport,
  type TrainingRun,
  percent,
} from '../train/index.js';
import { checkOutput } from './options.js';
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
    report: {
      type: 'string',
      requiresArg: true,
      describe:
        'write one page with curves and captions to this file: of a single training, or several compared',
    },
  },
  examples: [
    ['showtell runs', 'the trainings in out/'],
    ['showtell runs out/a out/b', 'two of them, with the settings that differ'],
    ['showtell runs out/a out/b --report compare.html', 'the same with their curves, as a page'],
  ],
  async handler(args, { print, log }) {
    checkOutput('report', args.report);
    const folders = args.folder as string[];
    const runs = [
      ...new Map(
        folders.flatMap((folder) => findRuns(folder, log)).map((run) => [run.directory, run]),
      ).values(),
    ];
    if (args.report !== undefined) {
      await writeReport(args.report, runs);
      log.info(`written: ${args.report}`);
    }
    if (args.json) {
      print(JSON.stringify(runs, null, 2));
      return;
    }
    for (const line of table([HEADINGS, ...runs.map(row)])) print(line);
    const apart = runs.length > 1 ? settingsApart(runs) : [];
    if (apart.length === 0) return;
    print('');
    for (const line of table([
      ['settings that differ', ...runs.map(nameOf)],
      ...apart.map(({ key, values }) => [key, ...values]),
    ])) {
      print(line);
    }
  },
});

const HEADINGS = ['training', 'state', 'epochs', 'best', 'BLEU-1..4', 'CIDEr-D', 'loss', 'words/s', 'time'];

function row(run: TrainingRun): string[] {
  const { state, epochs, allEpochs, best } = run;
  const newest = newestOf(run);
  return [
    nameOf(run),
    state,
    `${epochs}/${allEpochs}`,
    best ? String(best.epoch) : '',
    best ? best.validation.bleu.map(percent).join(' ') : '',
    best ? percent(best.validation.ciderD) : '',
    newest ? newest.loss.toFixed(3) : '',
    newest ? newest.wordsPerSecond.toFixed(0) : '',
    newest ? duration(newest.seconds) : '',
  ];
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
