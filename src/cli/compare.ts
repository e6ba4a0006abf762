import { existsSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cacheDirectory, UserError, writeFileAtomic } from '../core/index.js';
import {
  asPercent,
  compare,
  comparePage,
  metricNames,
  readEvaluation,
  signed,
  thumbnails,
  type Comparison,
} from '../evaluation/index.js';
import { loadMeteor } from '../metrics/index.js';
import { bootstrapOptions, checkOutput, scoringOf } from './options.js';
import { defineCommand } from './types.js';

export const command = defineCommand({
  name: 'compare',
  describe:
    'compare two evaluations of the same images: what is better, what is worse, and whether it is luck',
  positional: {
    name: 'evaluation',
    many: true,
    demandOption: true,
    describe: 'two files that `showtell evaluate --out` wrote, or COCO results together with --references',
  },
  options: {
    references: {
      type: 'string',
      requiresArg: true,
      describe: 'reference captions of COCO results',
    },
    by: {
      choices: metricNames,
      default: 'CIDEr-D' as const,
      describe: 'score of the single image that examples are sorted by',
    },
    show: {
      type: 'number',
      default: 5,
      requiresArg: true,
      describe: 'examples of each kind on the terminal; the page shows 20 or, if that is more, as many',
    },
    html: { type: 'string', requiresArg: true, describe: 'write one page with everything to this file' },
    images: { type: 'string', requiresArg: true, describe: 'folder of the photos, for the page' },
    ...bootstrapOptions,
  },
  examples: [
    ['showtell compare greedy.json beam3.json', 'differences with 95 % intervals, examples'],
    ['showtell compare a.json b.json --html compare.html --images photos', 'the same as a page'],
  ],
  async handler(args, { log, print, environment }) {
    const files = args.evaluation as string[];
    if (files.length !== 2) {
      throw new UserError(
        `compare takes two evaluations; ${files.length} ${files.length === 1 ? 'is' : 'are'} given`,
      );
    }
    const { images, show, references } = args;
    if (!Number.isInteger(show) || show < 0)
      throw new UserError(`--show is ${show}; it must be an integer of 0 or more`);
    if (images !== undefined && args.html === undefined)
      throw new UserError('--images is for the page: add --html FILE');
    if (images !== undefined && !statSync(images, { throwIfNoEntry: false })?.isDirectory()) {
      throw new UserError(`the folder ${images} does not exist`);
    }
    checkOutput('html', args.html);
    const a = await readEvaluation(files[0], references);
    const b = await readEvaluation(files[1], references);
    const comparison = compare(a, b, {
      names: { a: files[0], b: files[1] },
      by: args.by,
      bootstrap: scoringOf(args).bootstrap,
      meteor: await loadMeteor(cacheDirectory(environment, process.platform)),
    });
    for (const line of lines(comparison, show)) print(line);
    if (args.html === undefined) return;
    const shown = Math.max(20, show);
    const names = [...comparison.images.slice(0, shown), ...comparison.images.slice(-shown)].map(
      ({ image }) => image,
    );
    const photos = images === undefined ? undefined : await thumbnails(fileOf(images), names);
    if (photos && photos.size < new Set(names).size) {
      log.warn(
        `${new Set(names).size - photos.size} of ${new Set(names).size} photos are not in ${images}, or cannot be read`,
      );
    }
    writeFileAtomic(args.html, comparePage(comparison, { shown, thumbnails: photos }));
    log.info(`written: ${args.html}`);
  },
});

/** Where a photo lies; image ids may be paths, which must not lead out of the folder. */
function fileOf(directory: string): (image: string) => string | undefined {
  return (image) => [join(directory, basename(image))].find((path) => existsSync(path));
}

function lines({ metrics, images, same, names, by }: Comparison, show: number): string[] {
  const head = ['', 'A', 'B', 'B - A', '95 % interval', 'p'];
  const rows = metricNames.flatMap((name) => {
    const found = metrics[name];
    if (!found) return [];
    const { a, b, difference, interval, p } = found;
    const range = `${signed(interval[0])} to ${signed(interval[1])}`;
    return [[name, asPercent(a), asPercent(b), signed(difference), range, p.toFixed(3)]];
  });
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length)));
  const table = [head, ...rows].map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '),
  );
  const example = ({ image, a, b, change }: Comparison['images'][number]) => [
    `${image}  ${by} ${signed(change)}`,
    `  A  ${a}`,
    `  B  ${b}`,
  ];
  const better = images.filter(({ change }) => change > 0).slice(0, show);
  const worse = images
    .filter(({ change }) => change < 0)
    .slice(-show || images.length)
    .reverse();
  return [
    `A  ${names.a}`,
    `B  ${names.b}`,
    '',
    ...table,
    '',
    `${images.length} captions differ, ${same} are the same`,
    ...(better.length > 0 ? ['', 'better with B:', ...better.flatMap(example)] : []),
    ...(worse.length > 0 ? ['', 'worse with B:', ...worse.flatMap(example)] : []),
  ];
}
