/** `showtell data`: checks a data set before a training does, and fetches published ones. */
import { join } from 'node:path';
import { loadConfig } from '../config/index.js';
import { messageOf, UserError, writeFileAtomic } from '../core/index.js';
import {
  checkData,
  checkPage,
  collections,
  fetchCollection,
  reportLines,
  shownImages,
} from '../data/index.js';
import { thumbnails } from '../evaluation/index.js';
import { checkOutput, proxiesOf } from './options.js';
import { defineCommand, type CliContext } from './types.js';

interface CheckArgs {
  config?: string;
  set?: string[];
  json?: string;
  page?: string;
}

interface FetchArgs {
  to?: string;
  from?: string;
  'keep-archives'?: boolean;
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
  to: {
    group: 'With fetch:',
    type: 'string',
    requiresArg: true,
    describe: 'folder of the data set [default: datasets/NAME]',
  },
  from: {
    group: 'With fetch:',
    type: 'string',
    requiresArg: true,
    describe: 'a folder that holds the archives already, or an address that they lie under',
  },
  'keep-archives': {
    group: 'With fetch:',
    type: 'boolean',
    describe: 'keep the archives after they are unpacked',
  },
} as const;

const names = Object.keys(collections).join('|');
const forms = { check: 'check --config FILE', fetch: `fetch ${names}` };

export const command = defineCommand({
  name: 'data',
  describe: 'Check a data set before a training does, or fetch a published one',
  positional: { name: 'action', many: true, describe: `check | fetch ${names}` },
  options,
  examples: [
    [
      'showtell data check --config my.yaml',
      'what a training would stumble over; exit code 1 if it would end',
    ],
    ['showtell data check --config my.yaml --page check.html', 'the same as a page, with pictures'],
    ['showtell data fetch flickr8k', 'download and unpack it to datasets/flickr8k'],
    ['showtell data fetch coco --from DIR', 'the same from archives that were downloaded elsewhere'],
  ],
  interruptible: 'stopping; the same command goes on with a download',
  async handler(args, context) {
    const [action, ...targets] = args.action as string[];
    if (!Object.hasOwn(forms, action)) {
      throw new UserError(`there is no "data ${action}"`, { hint: Object.keys(forms).join(', ') });
    }
    const other = action === 'check' ? 'fetch' : 'check';
    const stray = Object.entries(options).find(
      ([name, { group }]) => group === `With ${other}:` && args[name] !== undefined,
    );
    if (stray) throw new UserError(`--${stray[0]} belongs to \`data ${other}\``);
    const wanted = action === 'check' ? 0 : 1;
    if (targets.length !== wanted || (action === 'check' && args.config === undefined)) {
      throw new UserError(`expected \`showtell data ${forms[action as keyof typeof forms]}\``);
    }
    if (action === 'check') return check(args, context);
    await fetchByName(targets[0], args, context);
    return 0;
  },
});

async function fetchByName(
  name: string,
  args: FetchArgs,
  { log, print, environment, signal }: CliContext,
): Promise<void> {
  if (!Object.hasOwn(collections, name)) {
    throw new UserError(`"${name}" cannot be fetched`, { hint: `there are ${names.replaceAll('|', ', ')}` });
  }
  const collection = collections[name];
  const { to: directory = join('datasets', name), from, 'keep-archives': keepArchives } = args;
  for (const line of [collection.title, ...collection.licence]) log.info(line);
  const proxies = proxiesOf(environment);
  await fetchCollection(collection, { directory, from, keepArchives, proxies, log, signal });
  for (const line of collection.settings(directory)) print(line);
}

async function check(
  { config: file, set, json, page }: CheckArgs,
  { log, print, signal }: CliContext,
): Promise<number> {
  checkOutput('json', json);
  checkOutput('page', page);
  if (json !== undefined && json === page) {
    throw new UserError(`--json and --page both name ${json}`, { hint: 'give each a file of its own' });
  }
  const config = loadConfig(file!, set);
  const report = await checkData(config, { log, signal });
  for (const line of reportLines(report)) print(line);
  if (json !== undefined) write(json, `${JSON.stringify(report, null, 2)}\n`);
  if (page !== undefined) {
    const photos = await thumbnails((image) => join(config.data.images, image), shownImages(report));
    write(page, checkPage(report, photos));
  }
  for (const written of [json, page]) if (written !== undefined) log.info(`written: ${written}`);
  return report.stops ? 1 : 0;
}

function write(path: string, content: string): void {
  try {
    writeFileAtomic(path, content);
  } catch (error) {
    throw new UserError(`${path} cannot be written: ${messageOf(error)}`, { cause: error });
  }
}
