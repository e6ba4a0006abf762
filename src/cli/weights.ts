/** `showtell weights`: the published weights of the encoders, and what is in a file of weights. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { prepareBackend } from '../backend/index.js';
import { cacheDirectory, sha256Of, UserError } from '../core/index.js';
import {
  createEncoder,
  encoders,
  inspectWeights,
  publishedPath,
  pullWeights,
  readWeights,
  type StateDict,
} from '../models/index.js';
import { weightsSource } from './options.js';
import { defineCommand, type CliContext } from './types.js';

interface Args {
  from?: string;
  json: boolean;
}

const actions: Record<string, (target: string, args: Args, context: CliContext) => Promise<void> | void> = {
  list: (_, { json }, context) => list(json, context),
  async pull(name, { from }, { log, print, environment, signal }) {
    const cache = cacheDirectory(environment, process.platform);
    const options = { cacheDirectory: cache, log, from, signal, ...weightsSource(environment) };
    print(await pullWeights(name, options));
  },
  verify: (file, _, context) => verify(file, context),
  inspect: (file, { json }, context) => inspect(file, json, context),
};

export const command = defineCommand({
  name: 'weights',
  describe: "List, download, check and look into encoders' weights",
  positional: { name: 'action', many: true, describe: 'list | pull NAME | verify FILE | inspect FILE' },
  options: {
    from: { type: 'string', requiresArg: true, describe: 'with pull: a file that is already here' },
    json: { type: 'boolean', default: false, describe: 'with list and inspect: JSON' },
  },
  examples: [
    ['showtell weights list', 'encoders with published weights, and which of them are in the cache'],
    ['showtell weights pull resnet18', 'download them to the cache, and check them'],
    ['showtell weights pull resnet18 --from FILE', 'the same from a file that was downloaded elsewhere'],
    ['showtell weights verify FILE', 'whose weights they are, and which encoder they fit'],
    ['showtell weights inspect FILE', 'names, types and shapes of its tensors'],
  ],
  interruptible: 'keeping what has come so far',
  async handler(args, context) {
    const [action, target, ...rest] = args.action as string[];
    const run = Object.hasOwn(actions, action) ? actions[action] : undefined;
    if (!run)
      throw new UserError(`there is no "weights ${action}"`, { hint: `${Object.keys(actions).join(', ')}` });
    const wanted = action === 'list' ? 0 : 1;
    if ((target === undefined ? 0 : 1 + rest.length) !== wanted) {
      const form = { list: '', pull: ' NAME', verify: ' FILE', inspect: ' FILE' }[action];
      throw new UserError(`expected \`showtell weights ${action}${form}\``);
    }
    if (args.from !== undefined && action !== 'pull') throw new UserError('--from belongs to `weights pull`');
    await run(target, { from: args.from, json: args.json }, context);
  },
});

function list(json: boolean, { print, environment }: CliContext): void {
  const cache = cacheDirectory(environment, process.platform);
  const rows = Object.entries(encoders).flatMap(([name, { weights, parameters }]) => {
    if (!weights) return [];
    const { url, sha256, megabytes, licence, top1, paper } = weights;
    const path = publishedPath(name, cache);
    const cached = existsSync(path) ? path : null;
    return [{ name, parameters, top1, megabytes, licence, url, sha256, paper, cached }];
  });
  if (json) {
    print(JSON.stringify(rows, null, 2));
    return;
  }
  print('encoder             parameters  top-1 %   MiB    licence       in the cache');
  for (const { name, parameters, top1, megabytes, licence, cached } of rows) {
    const numbers = [parameters.toLocaleString('en').padStart(11), top1.toFixed(3).padStart(8)];
    print(
      [
        name.padEnd(18),
        ...numbers,
        megabytes.toFixed(1).padStart(6),
        '',
        licence.padEnd(13),
        cached ?? 'no',
      ].join(' '),
    );
  }
}

async function inspect(file: string, json: boolean, { print }: CliContext): Promise<void> {
  const { form, tensors } = await inspectWeights(file);
  if (json) {
    print(JSON.stringify({ form, tensors }, null, 2));
    return;
  }
  const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);
  const numbers = tensors.reduce((sum, { shape }) => sum + size(shape), 0);
  print(`${form}: ${tensors.length} tensors, ${numbers.toLocaleString('en')} numbers`);
  for (const { name, dtype, shape } of tensors)
    print(`${name}  ${dtype}  ${shape.join(' x ') || 'a single number'}`);
}

async function verify(file: string, { print }: CliContext): Promise<void> {
  const state = await readWeights(file);
  const hash = await sha256Of(file);
  print(`SHA-256 ${hash}`);
  const claims = /-([0-9a-f]{8})\.pth$/.exec(basename(file))?.[1];
  if (claims && !hash.startsWith(claims)) {
    throw new UserError(`${file} is damaged: its name promises a SHA-256 that begins with ${claims}`, {
      hint: 'download it again: `showtell weights pull NAME`',
    });
  }
  const published = Object.entries(encoders).find(
    ([, { weights }]) => weights && hash.startsWith(weights.sha256),
  );
  print(published ? `torchvision's weights of ${published[0]}` : "not one of torchvision's files");
  await prepareBackend();
  const fits = Object.keys(encoders).filter((name) => fitsEncoder(name, state));
  if (fits.length === 0) {
    throw new UserError(`${file} fits no encoder`, {
      hint: '`showtell weights inspect` shows what it holds',
    });
  }
  print(`fits ${fits.join(', ')}`);
}

function fitsEncoder(name: string, state: StateDict): boolean {
  // A look at the size first, for building one of them takes a second.
  const numbers = [...state].reduce(
    (sum, [key, { data }]) => (/running_|num_batches/.test(key) ? sum : sum + data.length),
    0,
  );
  const { parameters } = encoders[name];
  if (numbers > parameters || numbers < parameters / 4) return false;
  try {
    createEncoder({ name, state, train: 'none', seed: 0 }).dispose();
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}
