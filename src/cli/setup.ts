/** `showtell setup`: native TensorFlow, by hand. */
import { setup } from '../backend/setup/index.js';
import { defineCommand } from './types.js';

export const command = defineCommand({
  name: 'setup',
  describe: 'Set native TensorFlow up, check that it computes, and say which one will be used',
  options: {
    cpu: { type: 'boolean', default: false, describe: 'for the CPU, even where a GPU is' },
    cuda: { type: 'boolean', default: false, describe: 'for NVIDIA GPUs' },
    libtensorflow: {
      type: 'string',
      requiresArg: true,
      describe: 'use the TensorFlow in this directory (its libraries and headers)',
    },
    auto: { type: 'boolean', default: false, describe: 'forget an earlier --cpu, --cuda or --libtensorflow' },
    force: { type: 'boolean', default: false, describe: 'build anew what is there already' },
  },
  examples: [
    ['showtell setup', 'what is best here, or what was chosen before'],
    ['showtell setup --cuda', 'TensorFlow for CUDA; later runs use it'],
  ],
  async handler({ cpu, cuda, libtensorflow, auto, force }, { log, print, environment }) {
    const request = { cpu, cuda, libtensorflow, auto, force };
    const { version, usesGpu, place, addon } = await setup(request, { log, environment });
    print(`ready: ${place.name}, version ${version}, computing on the ${usesGpu ? 'GPU' : 'CPU'}`);
    print(`addon: ${addon}`);
    if (environment.SHOWTELL_BACKEND === 'wasm') {
      log.warn('SHOWTELL_BACKEND is wasm: as long as it is, this is not used');
    }
  },
});
