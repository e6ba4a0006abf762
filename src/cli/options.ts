/** Options that several commands share. */
import type { BackendOptions } from '../backend/index.js';
import type { PullOptions } from '../models/index.js';

export const checkpointOption = {
  checkpoint: {
    type: 'string',
    demandOption: true,
    requiresArg: true,
    describe: 'directory of the checkpoint',
  },
} as const;

export const searchOptions = {
  beam: {
    type: 'number',
    default: 1,
    requiresArg: true,
    describe: 'hypotheses kept for each image; 1 decodes greedily',
  },
  'max-words': {
    type: 'number',
    requiresArg: true,
    describe: 'words at which a caption is cut off [default: 30]',
  },
} as const;

export const deviceOptions = {
  backend: {
    choices: ['auto', 'native', 'wasm'] as const,
    default: 'auto' as const,
    describe: 'native TensorFlow, WebAssembly, or the best that loads',
  },
} as const;

export function deviceOf(args: { backend: BackendOptions['backend'] }): BackendOptions {
  return { backend: args.backend };
}

/** Where published weights come from, by the environment variables that other tools read as well. */
export function weightsSource(environment: NodeJS.ProcessEnv): Pick<PullOptions, 'mirror' | 'proxies'> {
  const either = (name: string) => environment[name] ?? environment[name.toLowerCase()];
  return {
    mirror: environment.SHOWTELL_WEIGHTS_URL || undefined,
    proxies: { http: either('HTTP_PROXY'), https: either('HTTPS_PROXY'), none: either('NO_PROXY') },
  };
}
