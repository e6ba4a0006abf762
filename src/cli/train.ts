import { join } from 'node:path';
import { loadConfig, type Config } from '../config/index.js';
import { cacheDirectory, UserError, type ProfileRow } from '../core/index.js';
import { joinWorld } from '../distributed/index.js';
import { describeScores, savedConfig, train } from '../train/index.js';
import { weightsSource } from './options.js';
import { defineCommand, interruptedCode } from './types.js';

export const command = defineCommand({
  name: 'train',
  describe: 'train a captioner from a config file',
  interruptible: 'saving',
  options: {
    config: {
      type: 'string',
      requiresArg: true,
      describe: 'the YAML file; configs/ holds recipes',
    },
    resume: {
      type: 'string',
      requiresArg: true,
      describe: 'instead of --config: go on with the training in this directory',
    },
    set: {
      type: 'string',
      array: true,
      requiresArg: true,
      default: [] as string[],
      describe: 'change one setting, as in --set training.epochs=3; may be repeated',
    },
    overwrite: {
      type: 'boolean',
      default: false,
      describe: 'replace an earlier training in the output directory',
    },
    force: {
      type: 'boolean',
      default: false,
      describe: 'with --resume: go on although settings or data changed',
    },
    profile: {
      type: 'boolean',
      default: false,
      describe: 'say at the end where the time went: data, forward, backward, optimizer, logging',
    },
  },
  examples: [
    ['showtell train --config configs/flickr8k-mobilenetv2-attention.yaml', 'train the recipe'],
    ['showtell train --config my.yaml --set training.epochs=3 --set output=out/short', 'with other settings'],
    ['mpirun -n 4 showtell train --config my.yaml', 'the same training by four processes'],
    ['showtell train --resume out/short --set training.epochs=5', 'go on where it stopped, for longer'],
  ],
  async handler(args, { log, signal, environment, print }) {
    const world = await joinWorld(environment);
    const result = await train(configOf(args), {
      world,
      resume: args.resume !== undefined,
      force: args.force,
      log,
      signal,
      overwrite: args.overwrite,
      profile: args.profile,
      cacheDirectory: cacheDirectory(environment, process.platform),
      weights: weightsSource(environment),
    });
    world.end();
    if (world.rank > 0) return result.interrupted ? interruptedCode : 0;
    if (result.best) {
      const { epoch, validation } = result.best;
      print(`best epoch ${epoch}: validation ${describeScores(validation)}`);
      print(`checkpoint: ${join(result.output, 'best')}`);
    }
    for (const line of profileLines(result.profile ?? [])) print(line);
    return result.interrupted ? interruptedCode : 0;
  },
});

function configOf(args: {
  config?: string;
  resume?: string;
  set: string[];
  overwrite: boolean;
  force: boolean;
}): Config {
  const { config, resume, set, overwrite, force } = args;
  const refuse = (wrong: string) => {
    throw new UserError(wrong, {
      hint: 'showtell train --config FILE starts a training, showtell train --resume DIR goes on with one',
    });
  };
  if (resume === undefined) {
    if (config === undefined) return refuse('neither --config nor --resume is given');
    if (force) refuse('--force goes with --resume only');
    return loadConfig(config, set);
  }
  if (config !== undefined) refuse('--resume does not go with --config');
  if (overwrite) refuse('--resume does not go with --overwrite');
  if (set.some((setting) => setting.startsWith('output='))) {
    throw new UserError('--resume does not go with --set output=...', {
      hint: 'a training goes on where it lies; to have it elsewhere, move its directory first',
    });
  }
  return savedConfig(resume, set);
}

function profileLines(rows: ProfileRow[]): string[] {
  if (rows.length === 0) return [];
  const total = rows.reduce((sum, { seconds }) => sum + seconds, 0);
  const width = Math.max(...rows.map(({ section }) => section.length));
  const line = (section: string, seconds: string, each: string, share: string) =>
    `${section.padEnd(width)}  ${seconds.padStart(9)}  ${each.padStart(9)}  ${share.padStart(6)}`;
  return [
    line('', 'seconds', 'ms each', 'share'),
    ...rows.map(({ section, seconds, times }) => {
      const each = ((1000 * seconds) / times).toFixed(1);
      return line(section, seconds.toFixed(2), each, `${((100 * seconds) / total).toFixed(1)} %`);
    }),
  ];
}
