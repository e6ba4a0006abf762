import { cacheDirectory } from '../core/index.js';
import { bleuOf, runDemo } from '../demo/index.js';
import { deviceOf, deviceOptions } from './options.js';
import { defineCommand, interruptedCode } from './types.js';

export const command = defineCommand({
  name: 'demo',
  describe: 'draw scenes, train a captioner on them from scratch, and write a report',
  interruptible: 'saving',
  options: {
    out: {
      type: 'string',
      default: 'out/demo',
      requiresArg: true,
      describe: 'directory of the scenes, the training and the report',
    },
    ...deviceOptions,
  },
  async handler(args, { log, print, signal, environment }) {
    const result = await runDemo({
      directory: args.out,
      device: deviceOf(args),
      cacheDirectory: cacheDirectory(environment, process.platform),
      log,
      signal,
    });
    if (!result) return interruptedCode;
    const { greedy, beam, report } = result;
    for (const { image, caption } of greedy.captions.slice(0, 5)) print(`${image}  ${caption}`);
    for (const evaluation of [greedy, beam]) {
      const scores = bleuOf(evaluation).map((score) => score.toFixed(3));
      print(`${evaluation.protocol.model!.decoding}: BLEU-1..4 ${scores.join(' / ')}`);
    }
    print(`report: ${report}`);
  },
});
