import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../backend/index.js';
import { messageOf, UserError } from '../core/index.js';
import { createService, defaultLimits, listen } from '../serve/index.js';
import { deviceOf, inferenceOptions } from './options.js';
import { defineCommand } from './types.js';

/** Those that come with showtell: a model of each kind. */
const shipped = ['flickr8k-mobilenetv2-attention', 'flickr8k-mobilenetv3-lstm'];

const limit = { group: 'Limits:', type: 'number', requiresArg: true } as const;

export const command = defineCommand({
  name: 'serve',
  describe: 'serve the web page and the HTTP API of one or more checkpoints',
  interruptible: 'finishing what was accepted',
  options: {
    checkpoint: {
      type: 'string',
      array: true,
      nargs: 1,
      requiresArg: true,
      describe: `directory of a checkpoint; may be repeated [default: ${shipped.join(' and ')}]`,
    },
    host: {
      type: 'string',
      default: '127.0.0.1',
      requiresArg: true,
      describe: 'address to listen on; 0.0.0.0 is every network of this machine',
    },
    port: {
      type: 'number',
      default: 8080,
      requiresArg: true,
      describe: 'port to listen on; 0 is any free one',
    },
    'token-file': {
      type: 'string',
      requiresArg: true,
      describe:
        'file with the token that clients must send; SHOWTELL_TOKEN holds one as well [default: none]',
    },
    'cors-origin': {
      type: 'string',
      array: true,
      nargs: 1,
      requiresArg: true,
      describe: 'origin whose pages may use the API, as https://example.org; may be repeated [default: none]',
    },
    'batch-size': {
      type: 'number',
      default: 16,
      requiresArg: true,
      describe: 'most photos captioned together',
    },
    'batch-window': {
      type: 'number',
      default: 5,
      requiresArg: true,
      describe: 'how long a photo waits for others while nothing is computed, milliseconds',
    },
    'max-requests': {
      ...limit,
      default: defaultLimits.requests,
      describe: 'requests under way at one time; others are answered with 503',
    },
    'max-upload': {
      ...limit,
      default: defaultLimits.uploadBytes / 2 ** 20,
      describe: 'size of a request, MiB',
    },
    'max-megapixels': {
      ...limit,
      default: defaultLimits.pixels / 1e6,
      describe: 'size of a photo, million pixels',
    },
    timeout: { ...limit, default: defaultLimits.seconds, describe: 'seconds until a request is given up' },
    ...inferenceOptions,
  },
  examples: [
    ['showtell serve', 'the shipped models on http://127.0.0.1:8080'],
    ['showtell serve --checkpoint out/mine/best --port 9000', 'one of your own'],
    ['showtell serve --host 0.0.0.0 --token-file token.txt', 'for the network, with a token'],
  ],
  async handler(args, { log, print, environment, signal }) {
    checkAddress(args.port);
    for (const name of ['max-upload', 'max-megapixels', 'timeout'] as const) {
      const value = args[name];
      if (!(value > 0 && value <= 1e5))
        throw new UserError(`--${name} is ${value}; it must be a number above 0`);
    }
    if (!(args['batch-window'] >= 0)) {
      throw new UserError(
        `--batch-window is ${args['batch-window']}; it must be a number of milliseconds, 0 or more`,
      );
    }
    const origins = args['cors-origin'] ?? [];
    origins.forEach(checkOrigin);
    const uploadBytes = Math.floor(args['max-upload'] * 2 ** 20);
    const service = await createService({
      checkpoints: args.checkpoint ?? shipped.map((name) => join(packageRoot(), 'checkpoints', name)),
      device: deviceOf(args),
      batchSize: whole('batch-size', args['batch-size']),
      batchWindow: args['batch-window'],
      limits: {
        requests: whole('max-requests', args['max-requests']),
        uploadBytes,
        memoryBytes: Math.max(defaultLimits.memoryBytes, uploadBytes),
        pixels: args['max-megapixels'] * 1e6,
        seconds: args.timeout,
      },
      token: tokenOf(args['token-file'], environment),
      corsOrigins: origins,
      log,
    });
    try {
      const { host, port } = args;
      const server = await listen(service, { host, port, seconds: args.timeout });
      log.info(`computing on ${service.backend}`);
      for (const { id } of service.models) log.info(`serving ${id}`);
      print(server.url);
      if (!signal.aborted) await once(signal, 'abort');
      await server.close();
      log.info('stopped');
    } finally {
      await service.close();
    }
  },
});

function checkAddress(port: number): void {
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return;
  throw new UserError(`--port is ${port}; it must be an integer from 0 to 65535`);
}

function checkOrigin(origin: string): void {
  if (URL.canParse(origin) && new URL(origin).origin === origin) return;
  throw new UserError(`--cors-origin ${origin} is not an origin`, {
    hint: 'scheme, host and port without a path, as in https://example.org',
  });
}

function whole(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value;
  throw new UserError(`--${name} is ${value}; it must be an integer of 1 or more`);
}

/** Not an option of its own: everyone on a machine sees the command lines of its processes. */
function tokenOf(file: string | undefined, { SHOWTELL_TOKEN }: NodeJS.ProcessEnv): string | undefined {
  if (file === undefined) return SHOWTELL_TOKEN || undefined;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new UserError(`--token-file ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
