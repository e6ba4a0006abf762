/** `showtell caption --input ... --output ...`: captions by the hundred million. */
import type { InferredOptionTypes } from 'yargs';
import { UserError } from '../core/index.js';
import type { CaptionShardsResult, RowFormat } from '../infer/index.js';
import { deviceOf, searchOf, type inferenceOptions, type searchOptions } from './options.js';
import { shareOf } from './share.js';
import type { CliContext } from './types.js';

const group = { group: 'Shards:', requiresArg: true } as const;

export const shardOptions = {
  input: {
    ...group,
    type: 'string',
    array: true,
    describe:
      'WebDataset tars, folders of images, lists of paths (CSV, JSON lines, Parquet), or patterns of them',
  },
  output: { ...group, type: 'string', describe: 'folder that gets a file of captions for each shard' },
  format: {
    ...group,
    choices: ['jsonl', 'parquet'] as const satisfies RowFormat[],
    describe: 'of those files [default: jsonl]',
  },
  'shard-index': {
    ...group,
    type: 'number',
    describe:
      'take the shards whose number leaves this remainder, from 0 [default: as SLURM, Kubernetes or MPI says]',
  },
  'shard-count': {
    ...group,
    type: 'number',
    describe: 'processes that share the shards [default: likewise]',
  },
  'rows-per-shard': {
    ...group,
    type: 'number',
    describe: 'images of a file where a folder or list is cut [default: 10000]',
  },
  column: {
    ...group,
    type: 'string',
    describe: 'column of lists that holds the paths [default: image, path or file_name]',
  },
  images: {
    ...group,
    type: 'string',
    describe: 'folder that the paths of lists are relative to [default: that of the list]',
  },
  'batch-size': {
    ...group,
    type: 'number',
    describe: 'images that the device captions together [default: 16]',
  },
  overwrite: {
    group: 'Shards:',
    type: 'boolean',
    describe: 'make outputs of other settings or inputs anew, instead of refusing',
  },
} as const;

type Arguments = InferredOptionTypes<typeof shardOptions & typeof searchOptions & typeof inferenceOptions> & {
  checkpoint: string;
};

/** Names of the options above that are given. */
export function givenShardOptions(args: Record<string, unknown>): string[] {
  return Object.keys(shardOptions).filter((name) => args[name] !== undefined);
}

/** @returns the exit code: 1 where a shard could not be read to its end */
export async function captionInputs(args: Arguments, context: CliContext): Promise<number> {
  const { input, output } = args;
  const { log, signal, environment } = context;
  if (input === undefined || output === undefined) {
    const [given, missing] = input === undefined ? ['output', 'input'] : ['input', 'output'];
    throw new UserError(
      output === undefined && input === undefined
        ? `--${givenShardOptions(args)[0]} goes with --input and --output`
        : `--${given} goes with --${missing}`,
      { hint: 'showtell caption --checkpoint DIR --input "shards/*.tar" --output captions/' },
    );
  }
  const share = shareOf({ index: args['shard-index'], count: args['shard-count'] }, environment);
  const { captionShards } = await import('../infer/index.js');
  const stopped = () => log.info('finished shards are kept; the same command goes on behind them');
  signal.addEventListener('abort', stopped);
  let result: CaptionShardsResult;
  try {
    result = await captionShards({
      checkpoint: args.checkpoint,
      inputs: input,
      output,
      format: args.format,
      search: searchOf(args),
      share,
      rowsPerShard: args['rows-per-shard'],
      column: args.column,
      images: args.images,
      batchSize: args['batch-size'],
      overwrite: args.overwrite,
      device: deviceOf(args),
      log,
      signal,
    });
  } finally {
    signal.removeEventListener('abort', stopped);
  }
  const { images, failed, taken, before, damaged } = result;
  const finished = taken - before - damaged.length;
  log.info(
    `finished: ${finished} of ${taken - before} shards, ${images} images` +
      (failed > 0 ? `, ${failed} of them with an error instead of a caption` : ''),
  );
  if (damaged.length === 0) return 0;
  log.warn(
    `${damaged.length} of ${taken} shards could not be captioned: ${damaged.map(({ shard }) => shard).join(', ')}`,
  );
  return 1;
}
