import { prepareBackend } from '../backend/index.js';
import { readOriginal, saveOriginal } from '../checkpoint/index.js';
import { encoders } from '../models/index.js';
import { deviceOf, deviceOptions } from './options.js';
import { defineCommand } from './types.js';

export const command = defineCommand({
  name: 'import',
  describe: "make a checkpoint of the original PyTorch project's decoder and vocabulary",
  options: {
    decoder: {
      type: 'string',
      demandOption: true,
      requiresArg: true,
      describe: 'the decoder: a module or state dict that torch.save wrote, or a safetensors file',
    },
    vocabulary: {
      type: 'string',
      demandOption: true,
      requiresArg: true,
      describe: "its words: the pickled list (vocab.pkl), or a checkpoint's vocabulary.json",
    },
    encoder: {
      choices: Object.keys(encoders),
      requiresArg: true,
      describe: "the encoder it was trained with [default: the only one that fits the decoder's shapes]",
    },
    'encoder-weights': {
      type: 'string',
      requiresArg: true,
      describe: "file with torchvision's weights of that encoder",
    },
    output: {
      type: 'string',
      demandOption: true,
      requiresArg: true,
      describe: 'directory of the checkpoint to write',
    },
    overwrite: { type: 'boolean', default: false, describe: 'replace a checkpoint in the output directory' },
    ...deviceOptions,
  },
  examples: [
    [
      'showtell import --decoder attention.pt --vocabulary vocab.pkl --encoder-weights mobilenet_v3_small-047dcff4.pth --output checkpoints/imported',
      'soft attention; its 576 channels say which encoder',
    ],
    [
      'showtell import --decoder lstm.pt --vocabulary vocab.pkl --encoder resnet34 --encoder-weights resnet34-b627a593.pth --output checkpoints/imported',
      'the plain LSTM',
    ],
  ],
  async handler(args, { print }) {
    const original = await readOriginal({
      decoder: args.decoder,
      vocabulary: args.vocabulary,
      encoder: args.encoder ?? null,
      encoderWeights: args['encoder-weights'] ?? null,
      output: args.output,
      overwrite: args.overwrite,
    });
    await prepareBackend(deviceOf(args));
    saveOriginal(original);
    const { config, vocabularySize } = original.decoder;
    print(`decoder: ${config.type}, hidden ${config.hidden}, ${vocabularySize} words`);
    print(`encoder: ${original.encoder}`);
    print(`checkpoint: ${args.output}`);
  },
});
