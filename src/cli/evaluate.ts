import { writeFileAtomic } from '../core/index.js';
import { evaluate, type Evaluation } from '../infer/index.js';
import { checkpointOption, deviceOptions, searchOptions, deviceOf } from './options.js';
import { defineCommand } from './types.js';

export const command = defineCommand({
  name: 'evaluate',
  describe: 'caption a split with a checkpoint and score the captions with BLEU',
  interruptible: true,
  options: {
    ...checkpointOption,
    split: {
      choices: ['train', 'validation', 'test'] as const,
      default: 'test' as const,
      describe: "which split of the checkpoint's data set",
    },
    ...searchOptions,
    'batch-size': { type: 'number', requiresArg: true, describe: 'images decoded at a time' },
    set: {
      type: 'string',
      array: true,
      requiresArg: true,
      default: [] as string[],
      describe: 'change a data setting, as in --set data.images=DIR; may be repeated',
    },
    out: {
      type: 'string',
      requiresArg: true,
      describe: 'write protocol, scores, and the captions in COCO results format to this JSON file',
    },
    ...deviceOptions,
  },
  examples: [
    ['showtell evaluate --checkpoint out/my-run/best --split validation', 'greedy decoding'],
    ['showtell evaluate --checkpoint out/my-run/best --split test --beam 3 --out scores.json', 'beam search'],
  ],
  async handler(args, { log, print, signal }) {
    const result = await evaluate({
      checkpoint: args.checkpoint,
      split: args.split,
      beam: args.beam,
      maxWords: args['max-words'],
      batchSize: args['batch-size'],
      overrides: args.set,
      device: deviceOf(args),
      log,
      signal,
    });
    if (args.out !== undefined) writeFileAtomic(args.out, `${JSON.stringify(report(result), null, 2)}\n`);
    for (const line of table(result)) print(line);
    if (args.out !== undefined) log.info(`written: ${args.out}`);
  },
});

function table({ protocol, bleu, ...result }: Evaluation): string[] {
  const { split, images, references, tokenizer, beam, maxWords, checkpoint, modelSha256 } = protocol;
  const rows: [string, string][] = [
    ['checkpoint', `${checkpoint} (${modelSha256.slice(0, 12)})`],
    ['split', `${split}, ${images} images, ${references} references`],
    ['decoding', `${beam === 1 ? 'greedy' : `beam ${beam}`}, at most ${maxWords} words`],
    ['tokenizer', tokenizer],
    [
      'mean length',
      `${result.meanWords.toFixed(1)} words (${result.lengthRatio.toFixed(3)} of the references)`,
    ],
    ...(result.unfinished > 0 ? [['unfinished', String(result.unfinished)] as [string, string]] : []),
    ...(result.skipped > 0 ? [['left out', `${result.skipped} unreadable images`] as [string, string]] : []),
    ...bleu.map((score, i): [string, string] => [`BLEU-${i + 1}`, (100 * score).toFixed(2)]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

function report({ protocol, bleu, captions, ...rest }: Evaluation) {
  return {
    protocol,
    scores: Object.fromEntries(bleu.map((score, i) => [`BLEU-${i + 1}`, score])),
    ...rest,
    captions: captions.map(({ image, caption, bleu: own }) => ({
      image_id: image,
      caption: caption.words.join(' '),
      logProbability: caption.logProbability,
      finished: caption.finished,
      bleu: own,
    })),
  };
}
