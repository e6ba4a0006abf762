import { cacheDirectory, UserError, writeFileAtomic } from '../core/index.js';
import { evaluationLines, formatEvaluation, scoreFiles, type Evaluation } from '../evaluation/index.js';
import { loadMeteor } from '../metrics/index.js';
import {
  checkOutput,
  checkpointOption,
  deviceOf,
  inferenceOptions,
  scoringOf,
  scoringOptions,
  searchOf,
  searchOptions,
} from './options.js';
import { defineCommand } from './types.js';

/** Options that speak of a model. */
const modelOptions = {
  checkpoint: { ...checkpointOption.checkpoint, demandOption: false },
  split: {
    choices: ['train', 'validation', 'test'] as const,
    describe: "which split of the checkpoint's data set [default: test]",
  },
  ...searchOptions,
  'batch-size': { type: 'number', requiresArg: true, describe: 'images decoded at a time' },
  set: {
    type: 'string',
    array: true,
    requiresArg: true,
    describe: 'change a data setting, as in --set data.images=DIR; may be repeated',
  },
} as const;

/** Options that speak of files with captions. */
const fileOptions = {
  references: {
    group: 'Without a model:',
    type: 'string',
    requiresArg: true,
    describe: 'reference captions: COCO annotations, CSV with image and caption, or lines name#n<TAB>caption',
  },
  hypotheses: {
    group: 'Without a model:',
    type: 'string',
    requiresArg: true,
    describe:
      'captions to score: COCO results (JSON or JSON lines), a file that --out wrote, or what `caption --output` did: a file or its folder',
  },
  'only-captioned': {
    group: 'Without a model:',
    type: 'boolean',
    describe: 'score the images that have a caption, though others have references, or an error in its place',
  },
} as const;

export const command = defineCommand({
  name: 'evaluate',
  describe:
    'score captions of a checkpoint, or of a file: BLEU, METEOR, ROUGE-L, CIDEr-D, with their protocol',
  interruptible: 'stopping',
  options: {
    ...modelOptions,
    ...fileOptions,
    ...scoringOptions,
    out: {
      type: 'string',
      requiresArg: true,
      describe:
        'write everything to this JSON file: protocol, scores, statistics, captions; for `showtell compare`',
    },
    results: {
      type: 'string',
      requiresArg: true,
      describe: 'write the captions to this file as COCO results, for other tools',
    },
    ...inferenceOptions,
  },
  examples: [
    ['showtell evaluate --checkpoint out/my-run/best --split validation', 'greedy search'],
    ['showtell evaluate --checkpoint out/my-run/best --split test --beam 3 --out scores.json', 'beam search'],
    ['showtell evaluate --references captions_val.json --hypotheses results.json', "another tool's captions"],
  ],
  async handler(args, { log, print, signal, environment }) {
    const given = (options: object) =>
      Object.keys(options).filter((name) => args[name] !== undefined && args[name] !== false);
    const [ofModel, ofFiles] = [given(modelOptions), given(fileOptions)];
    if (ofModel.length > 0 && ofFiles.length > 0) {
      throw new UserError(`--${ofModel[0]} and --${ofFiles[0]} do not go together`, {
        hint: 'a checkpoint captions a split of its data set; --references and --hypotheses score a file',
      });
    }
    checkOutput('out', args.out);
    checkOutput('results', args.results);
    const cache = cacheDirectory(environment, process.platform);
    const scoring = { ...scoringOf(args), meteor: await loadMeteor(cache) };
    let result: Evaluation;
    if (ofFiles.length > 0) {
      const { references, hypotheses } = args;
      if (references === undefined || hypotheses === undefined) {
        throw new UserError('scoring a file takes both --references and --hypotheses');
      }
      result = await scoreFiles({
        references,
        hypotheses,
        onlyCaptioned: args['only-captioned'],
        ...scoring,
      });
    } else {
      if (args.checkpoint === undefined) {
        throw new UserError(
          'what is to be evaluated? --checkpoint DIR, or --references FILE and --hypotheses FILE',
        );
      }
      // Scoring a file needs no TensorFlow.
      const { evaluate } = await import('../infer/index.js');
      result = await evaluate({
        checkpoint: args.checkpoint,
        split: args.split ?? 'test',
        search: searchOf(args),
        batchSize: args['batch-size'],
        overrides: args.set,
        device: deviceOf(args),
        cacheDirectory: cache,
        ...scoring,
        log,
        signal,
      });
    }
    for (const line of evaluationLines(result)) print(line);
    if (args.out !== undefined) writeFileAtomic(args.out, formatEvaluation(result));
    if (args.results !== undefined) {
      const results = result.captions.map(({ image, caption }) => ({ image_id: image, caption }));
      writeFileAtomic(args.results, `${JSON.stringify(results)}\n`);
    }
    for (const file of [args.out, args.results]) if (file !== undefined) log.info(`written: ${file}`);
  },
});
