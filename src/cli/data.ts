/** `showtell data`: checks a data set before a training does, and fetches published ones. */
import { join } from 'node:path';
import { loadConfig } from '../config/index.js';
import { UserError, writeFileAtomic } from '../core/index.js';
import { checkData, checkPage, reportLines, shownImages } from '../data/index.js';
import { thumbnails } from '../evaluation/index.js';
import { checkOutput } from './options.js';
import { defineCommand, type CliContext } from './types.js';

interface CheckArgs {
  config?: string;
  set?: string[];
  json?: string;
  page?: string;
}

const options = {
  config: {
    group: 'With check:',
    type: 'string',
    requiresArg: true,
    describe: 'the config whose data is checked',
  },
  set: {
    group: 'With check:',
    type: 'string',
    array: true,
    requiresArg: true,
    describe: 'change one setting, as in --set data.images=DIR; may be repeated',
  },
  json: {
    group: 'With check:',
    type: 'string',
    requiresArg: true,
    describe: 'write everything to this file',
  },
  page: {
    group: 'With check:',
    type: 'string',
    requiresArg: true,
    describe: 'write one HTML page with everything to this file',
  },
} as const;

export const command = defineCommand({
  name: 'data',
  describe: 'Check a data set: images, splits, captions, vocabulary',
  positional: { name: 'action', many: true, describe: 'check' },
  options,
  examples: [
    [
      'showtell data check --config my.yaml',
      'what a training would stumble over; exit code 1 if it would end',
    ],
    ['showtell data check --config my.yaml --page check.html', 'the same as a page, with pictures'],
  ],
  interruptible: 'stopping',
  async handler(args, context) {
    const [action, ...rest] = args.action as string[];
    if (action !== 'check') throw new UserError(`there is no "data ${action}"`, { hint: 'check' });
    if (rest.length > 0) throw new UserError('expected `showtell data check --config FILE`');
    return check(args, context);
  },
});

async function check(
  { config: file, set, json, page }: CheckArgs,
  { log, print, signal }: CliContext,
): Promise<number> {
  if (file === undefined) throw new UserError('expected `showtell data check --config FILE`');
  checkOutput('json', json);
  checkOutput('page', page);
  const config = loadConfig(file, set);
  const report = await checkData(config, { log, signal });
  for (const line of reportLines(report)) print(line);
  if (json !== undefined) writeFileAtomic(json, `${JSON.stringify(report, null, 2)}\n`);
  if (page !== undefined) {
    const photos = await thumbnails((image) => join(config.data.images, image), shownImages(report));
    writeFileAtomic(page, checkPage(report, photos));
  }
  for (const written of [json, page]) if (written !== undefined) log.info(`written: ${written}`);
  return report.stops ? 1 : 0;
}
