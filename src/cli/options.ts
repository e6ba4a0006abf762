/** Options that several commands share. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { InferredOptionTypes } from 'yargs';
import type { BackendOptions } from '../backend/index.js';
import { messageOf, UserError, type Proxies } from '../core/index.js';
import type { ScoringTokenizer } from '../evaluation/index.js';
import type { CaptionSearch, LengthPenalty, Strategy } from '../infer/index.js';
import type { PullOptions } from '../models/index.js';

export const checkpointOption = {
  checkpoint: {
    type: 'string',
    demandOption: true,
    requiresArg: true,
    describe: 'directory of the checkpoint',
  },
} as const;

const search = { group: 'Search:', requiresArg: true } as const;

/** How captions are searched for; {@link searchOf} reads them. */
export const searchOptions = {
  beam: { ...search, type: 'number', describe: 'hypotheses kept for each image [default: 1, greedy search]' },
  strategy: {
    ...search,
    choices: ['greedy', 'beam', 'diverse-beam', 'sample'] as const satisfies Strategy[],
    describe: 'how words are chosen [default: beam where --beam is above 1, else greedy]',
  },
  'length-penalty': {
    ...search,
    choices: ['none', 'average', 'wu'] as const satisfies LengthPenalty[],
    describe:
      'of beams: rank captions by their log-probability (none), by its mean over the words (average), or as Wu et al. 2016 (wu)',
  },
  'wu-alpha': { ...search, type: 'number', describe: 'exponent of --length-penalty wu [default: 0.65]' },
  groups: { ...search, type: 'number', describe: 'of diverse-beam: groups of the beam [default: 3]' },
  diversity: {
    ...search,
    type: 'number',
    describe: "of diverse-beam: what a word of an earlier group's costs, nats [default: 0.5]",
  },
  temperature: {
    ...search,
    type: 'number',
    describe: 'of sample: below 1 prefers likely words [default: 1]',
  },
  'top-k': { ...search, type: 'number', describe: 'of sample: draw among this many likeliest words' },
  'top-p': { ...search, type: 'number', describe: 'of sample: draw among the likeliest words of this sum' },
  seed: { ...search, type: 'number', describe: 'of sample: decides what is drawn [default: 1]' },
  'min-words': { ...search, type: 'number', describe: 'fewest words of a caption [default: 0]' },
  'max-words': { ...search, type: 'number', describe: 'words at which a caption is cut off [default: 30]' },
  'block-ngrams': {
    ...search,
    type: 'number',
    describe: 'no sequence of this many words occurs twice in a caption',
  },
  ban: {
    ...search,
    type: 'string',
    array: true,
    nargs: 1,
    describe: 'a word that is never said; may be repeated',
  },
  'allow-unknown': {
    group: 'Search:',
    type: 'boolean',
    describe: 'let <unk> be a word of a caption',
  },
  prefix: { ...search, type: 'string', describe: 'what every caption begins with' },
} as const;

export function searchOf(args: InferredOptionTypes<typeof searchOptions>): CaptionSearch {
  const all: CaptionSearch = {
    strategy: args.strategy,
    beam: args.beam,
    lengthPenalty: args['length-penalty'],
    wuAlpha: args['wu-alpha'],
    groups: args.groups,
    diversity: args.diversity,
    temperature: args.temperature,
    topK: args['top-k'],
    topP: args['top-p'],
    seed: args.seed,
    minWords: args['min-words'],
    maxWords: args['max-words'],
    blockNgrams: args['block-ngrams'],
    bannedWords: args.ban,
    unknownWords: args['allow-unknown'],
    prefix: args.prefix,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** Samples of the images for intervals. */
export const bootstrapOptions = {
  samples: {
    type: 'number',
    requiresArg: true,
    describe: 'bootstrap samples for the 95 % intervals [default: 1000]',
  },
  'bootstrap-seed': { type: 'number', requiresArg: true, describe: 'decides the samples [default: 1]' },
} as const;

/** How captions are scored; {@link scoringOf} reads them. */
export const scoringOptions = {
  tokenizer: {
    choices: ['ptb', 'letters', 'treebank', 'words'] as const satisfies ScoringTokenizer[],
    default: 'ptb' as const,
    describe: 'of captions and references alike; published scores use ptb, training validates with its own',
  },
  ...bootstrapOptions,
} as const;

/** @throws UserError for a number of samples that cannot be */
export function scoringOf(args: {
  tokenizer?: ScoringTokenizer;
  samples?: number;
  'bootstrap-seed'?: number;
}) {
  const { tokenizer, samples, 'bootstrap-seed': seed } = args;
  for (const [name, value, least] of [
    ['samples', samples, 1],
    ['bootstrap-seed', seed, 0],
  ] as const) {
    if (value !== undefined && (!Number.isInteger(value) || value < least)) {
      throw new UserError(`--${name} is ${value}; it must be an integer of ${least} or more`);
    }
  }
  return {
    ...(tokenizer !== undefined && { tokenizer }),
    bootstrap: { ...(samples !== undefined && { samples }), ...(seed !== undefined && { seed }) },
  };
}

export const deviceOptions = {
  backend: {
    choices: ['auto', 'native', 'wasm'] as const,
    default: 'auto' as const,
    describe: 'native TensorFlow, WebAssembly, or the best that loads',
  },
} as const;

/** Of commands that caption. */
export const inferenceOptions = {
  ...deviceOptions,
  precision: {
    choices: ['float32', 'bfloat16'] as const,
    default: 'float32' as const,
    describe:
      "bfloat16 rounds the factors of the decoder's matrix products (by showtell's kernels): faster on CPUs that have it",
  },
} as const;

export function deviceOf(args: Pick<BackendOptions, 'backend' | 'precision'>): BackendOptions {
  return { backend: args.backend, precision: args.precision };
}

/** Proxies by the environment variables that other tools read as well. */
export function proxiesOf(environment: NodeJS.ProcessEnv): Proxies {
  const either = (name: string) => environment[name] ?? environment[name.toLowerCase()];
  return { http: either('HTTP_PROXY'), https: either('HTTPS_PROXY'), none: either('NO_PROXY') };
}

/** Where published weights come from. */
export function weightsSource(environment: NodeJS.ProcessEnv): Pick<PullOptions, 'mirror' | 'proxies'> {
  return { mirror: environment.SHOWTELL_WEIGHTS_URL || undefined, proxies: proxiesOf(environment) };
}

/** Finds out before long work that its result could not be written. @throws UserError */
export function checkOutput(option: string, path: string | undefined): void {
  if (path === undefined) return;
  if (path === '') throw new UserError(`--${option} names no file`);
  if (existsSync(path) && statSync(path).isDirectory()) {
    throw new UserError(`--${option} ${path} is a folder; name a file in it`);
  }
  let folder = dirname(resolve(path));
  while (!existsSync(folder)) folder = dirname(folder); // what is missing is made
  try {
    if (!statSync(folder).isDirectory()) throw new Error(`${folder} is a file`);
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new UserError(`--${option} ${path} cannot be written: ${messageOf(error)}`, { cause: error });
  }
}
