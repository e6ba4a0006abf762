/** `showtell setup`: native TensorFlow, by hand; and METEOR's data. */
import { buildKernels, setup } from '../backend/setup/index.js';
import { UserError } from '../core/index.js';
import { defineCommand } from './types.js';

export const command = defineCommand({
  name: 'setup',
  describe:
    "Set native TensorFlow up, check that it computes, and say which one will be used; or fetch METEOR's data",
  options: {
    cpu: { type: 'boolean', default: false, describe: 'for the CPU, even where a GPU is' },
    cuda: { type: 'boolean', default: false, describe: 'for NVIDIA GPUs' },
    libtensorflow: {
      type: 'string',
      requiresArg: true,
      describe: 'use the TensorFlow in this directory (its libraries and headers)',
    },
    auto: { type: 'boolean', default: false, describe: 'forget an earlier --cpu, --cuda or --libtensorflow' },
    meteor: {
      type: 'boolean',
      default: false,
      describe: "fetch METEOR's data (105 MB) for `showtell evaluate`; leaves TensorFlow alone",
    },
    force: { type: 'boolean', default: false, describe: 'build anew what is there already' },
  },
  examples: [
    ['showtell setup', 'what is best here, or what was chosen before'],
    ['showtell setup --meteor', "METEOR's data, once"],
    ['showtell setup --cuda', 'TensorFlow for CUDA; later runs use it'],
  ],
  async handler({ cpu, cuda, libtensorflow, auto, meteor, force }, { log, print, environment }) {
    if (meteor) {
      if (cpu || cuda || libtensorflow !== undefined || auto) {
        throw new UserError('--meteor fetches data; it does not go with options for TensorFlow');
      }
      const { setupMeteor } = await import('./meteor-data.js');
      print(`ready: METEOR's data in ${await setupMeteor({ force }, { log, environment })}`);
      return;
    }
    const request = { cpu, cuda, libtensorflow, auto, force };
    const { version, usesGpu, place, addon } = await setup(request, { log, environment });
    print(`ready: ${place.name}, version ${version}, computing on the ${usesGpu ? 'GPU' : 'CPU'}`);
    print(`addon: ${addon}`);
    if (!usesGpu) {
      const why = await buildKernels({ log, environment, again: true });
      print(`kernels of our own: ${why ?? 'ready'}`);
    }
    if (environment.SHOWTELL_BACKEND === 'wasm') {
      log.warn('SHOWTELL_BACKEND is wasm: as long as it is, this is not used');
    }
  },
});
