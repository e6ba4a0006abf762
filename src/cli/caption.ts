import { existsSync, statSync } from 'node:fs';
import { extname, isAbsolute, join } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { UserError } from '../core/index.js';
import { imageEndings } from '../data/index.js';
import { Captioner, type Caption } from '../infer/index.js';
import { attentionOutput } from './attention-output.js';
import { captionInputs, givenShardOptions, shardOptions } from './caption-shards.js';
import { checkpointOption, deviceOf, inferenceOptions, searchOf, searchOptions } from './options.js';
import { defineCommand } from './types.js';

export const command = defineCommand({
  name: 'caption',
  describe: 'caption images with a checkpoint',
  interruptible: 'stopping',
  positional: {
    name: 'image',
    many: true,
    default: [],
    describe: 'image files, folders of images, or patterns such as "photos/*.jpg"',
  },
  options: {
    ...checkpointOption,
    ...searchOptions,
    captions: {
      type: 'number',
      requiresArg: true,
      describe: 'captions of each image, best first, with their log-probabilities [default: 1]',
    },
    json: { type: 'boolean', default: false, describe: 'print a JSON object for each image, one a line' },
    attention: {
      type: 'string',
      requiresArg: true,
      describe:
        'write where the model looked for each word of the best caption: .png is a picture of each image (with several the name of each is added), .html an animated page, .json the weights and measures',
    },
    ...shardOptions,
    ...inferenceOptions,
  },
  examples: [
    ['showtell caption --checkpoint checkpoints/flickr8k-mobilenetv2-attention photo.jpg', 'one photo'],
    ['showtell caption --checkpoint DIR --beam 3 --json photos/', 'a folder, as JSON lines'],
    [
      'showtell caption --checkpoint DIR --beam 5 --captions 5 photo.jpg',
      'the five best, with log-probabilities',
    ],
    ['showtell caption --checkpoint DIR --strategy sample --top-p 0.9 --seed 7 photo.jpg', 'a drawn caption'],
    ['showtell caption --checkpoint DIR photo.jpg --attention attention.png', 'where the model looked'],
    ['showtell caption --checkpoint DIR photos/ --attention attention.html', 'the same as an animated page'],
    [
      'showtell caption --checkpoint DIR --input "shards/*.tar" --output captions/ --format parquet',
      'a data set, shard by shard; start it again to go on',
    ],
  ],
  async handler(args, context) {
    const { log, print, signal } = context;
    const patterns = args.image as string[];
    if (givenShardOptions(args).length > 0) {
      refuseTogether(args, patterns);
      return captionInputs(args, context);
    }
    if (patterns.length === 0) {
      throw new UserError('which images? name files, folders or patterns; or --input and --output', {
        hint: '`showtell caption --help`',
      });
    }
    const images = await findImages(patterns);
    const alone = images.length === 1 && patterns.length === 1 && images[0] === patterns[0];
    const { captions } = args;
    const options = {
      ...searchOf(args),
      ...(captions !== undefined && { captions }),
      attention: args.attention !== undefined,
    };
    const output = args.attention === undefined ? undefined : attentionOutput(args.attention, images, alone);
    const captioner = await Captioner.load(args.checkpoint, deviceOf(args));
    let failed = 0;
    try {
      for await (const result of captioner.captionAll(images, options)) {
        signal.throwIfAborted();
        const { image } = result;
        if ('error' in result) {
          failed++;
          log.warn(result.error.message);
          if (args.json) print(JSON.stringify({ image, error: result.error.message }));
          continue;
        }
        const all = [result.caption, ...result.caption.alternatives];
        if (args.json) {
          const [best, ...alternatives] = all.map(fields);
          print(JSON.stringify({ image, ...best, ...(captions !== undefined && { alternatives }) }));
        } else {
          for (const { text, logProbability } of all) {
            const columns = captions === undefined ? [text] : [logProbability.toFixed(3), text];
            print((alone ? columns : [image, ...columns]).join('\t'));
          }
        }
        await output?.add(image, result.caption);
      }
      await output?.end();
    } finally {
      captioner.dispose();
    }
    if (failed > 0) log.warn(`${failed} of ${images.length} images could not be captioned`);
    return failed > 0 ? 1 : 0;
  },
});

function fields({ text, words, logProbability, score, finished }: Caption) {
  return { caption: text, words, logProbability, score, finished };
}

/** Options whose results go to standard output, or to one file for all images. */
function refuseTogether(args: Record<string, unknown>, patterns: readonly string[]): void {
  const other = ['captions', 'attention'].find((name) => args[name] !== undefined);
  const refused =
    patterns.length > 0 ? patterns[0] : other !== undefined ? `--${other}` : args.json && '--json';
  if (!refused) return;
  throw new UserError(`${String(refused)} does not go with --${givenShardOptions(args)[0]}`, {
    hint: '--input and --output write one caption of each image to files of a folder',
  });
}

/** Files as they are, the images in folders, and what patterns match; each once, in the order given. */
async function findImages(patterns: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const pattern of patterns) {
    if (statSync(pattern, { throwIfNoEntry: false })?.isDirectory()) {
      const names = await glob('**/*', { cwd: pattern, expandDirectories: false });
      const images = names.filter((name) => imageEndings.includes(extname(name).toLowerCase())).sort();
      if (images.length === 0) {
        throw new UserError(`the folder ${pattern} holds no image`, {
          hint: `looked for names that end in ${imageEndings.join(' ')}`,
        });
      }
      found.push(...images.map((name) => join(pattern, name)));
    } else if (!existsSync(pattern) && isDynamicPattern(pattern)) {
      const matches = (
        await glob(pattern, { expandDirectories: false, absolute: isAbsolute(pattern) })
      ).sort();
      if (matches.length === 0) throw new UserError(`no file matches ${pattern}`);
      found.push(...matches);
    } else found.push(pattern);
  }
  return [...new Set(found)];
}
