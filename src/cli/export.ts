import { exportCheckpoint, exportFormats } from '../checkpoint/index.js';
import { checkpointOption } from './options.js';
import { defineCommand } from './types.js';

export const command = defineCommand({
  name: 'export',
  describe: 'write the weights of a checkpoint for PyTorch, as safetensors',
  options: {
    ...checkpointOption,
    format: {
      choices: exportFormats,
      default: exportFormats[0],
      requiresArg: true,
      describe:
        "safetensors: one file, encoder.* and decoder.*; pytorch-names: a file for each of them, with the names of the original's decoder and of torchvision's encoder",
    },
    output: {
      type: 'string',
      demandOption: true,
      requiresArg: true,
      describe: 'the file to write; pytorch-names puts .decoder and .encoder before its ending',
    },
    overwrite: { type: 'boolean', default: false, describe: 'replace files that exist' },
  },
  examples: [
    ['showtell export --checkpoint DIR --output captioner.safetensors', 'all in one file'],
    [
      'showtell export --checkpoint DIR --format pytorch-names --output captioner.safetensors',
      'captioner.decoder.safetensors and captioner.encoder.safetensors',
    ],
  ],
  async handler(args, { log, print }) {
    const { checkpoint, format, output, overwrite } = args;
    const { files, precision, projected } = await exportCheckpoint({ checkpoint, format, output, overwrite });
    for (const file of files) print(file);
    if (precision === 'float16') log.info('float16, as in the checkpoint');
    if (projected && format === 'pytorch-names') {
      log.warn("the decoder's layer `project` is none of the original's module: it passes the image on");
    }
  },
});
