import { join } from 'node:path';
import { loadConfig } from '../config/index.js';
import { cacheDirectory } from '../core/index.js';
import { train } from '../train/index.js';
import { weightsSource } from './options.js';
import { defineCommand, interruptedCode } from './types.js';

export const command = defineCommand({
  name: 'train',
  describe: 'train a captioner from a config file',
  interruptible: 'saving',
  options: {
    config: {
      type: 'string',
      demandOption: true,
      requiresArg: true,
      describe: 'the YAML file; configs/ holds recipes',
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
  },
  examples: [
    ['showtell train --config configs/flickr8k-mobilenetv2-attention.yaml', 'train the recipe'],
    ['showtell train --config my.yaml --set training.epochs=3 --set output=out/short', 'with other settings'],
  ],
  async handler(args, { log, signal, environment, print }) {
    const config = loadConfig(args.config, args.set);
    const result = await train(config, {
      log,
      signal,
      overwrite: args.overwrite,
      cacheDirectory: cacheDirectory(environment, process.platform),
      weights: weightsSource(environment),
    });
    if (result.best) {
      const { epoch, validation } = result.best;
      const scores = validation.bleu.map((value) => (100 * value).toFixed(1)).join(' / ');
      print(`best epoch ${epoch}: validation BLEU-1..4 ${scores}`);
      print(`checkpoint: ${join(result.output, 'best')}`);
    }
    return result.interrupted ? interruptedCode : 0;
  },
});
