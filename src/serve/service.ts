/**
 * The service: models in a process of their own, photos decoded by threads, both behind an HTTP application that never
 * computes.
 *
 * ```
 *  request ─► admission ─► body ─► gate ─► thread: pixels ─► queue ─► batch ─► process: captions ─► answer
 * ```
 */
import { availableParallelism } from 'node:os';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Hono } from 'hono';
import { packageRoot, type BackendOptions } from '../backend/index.js';
import type { ImageConfig } from '../config/index.js';
import { compiledScript, silentLog, ThreadPool, UserError, type Log } from '../core/index.js';
import type { CaptionOptions } from '../infer/index.js';
import { Admission } from './admission.js';
import { createApp } from './app.js';
import { readAssets } from './assets.js';
import type { CaptionService } from './captions-route.js';
import { ApiError, refusals } from './errors.js';
import { Gate } from './gate.js';
import { createMetrics, type Metrics } from './metrics.js';
import { ModelProcess } from './model-process.js';
import { describeModels, readModels, type ServedModel } from './models.js';
import { photoTypes, type Photo, readPhoto } from './photo.js';
import type { PhotoThreadSettings } from './photo-thread.js';
import { BatchQueue } from './queue.js';
import { MOST, type ModelResult } from './schemas.js';

export interface ServiceLimits {
  /** Requests under way at one time; others are told to come back. */
  requests: number;
  /** Bytes of one request's body. */
  uploadBytes: number;
  /** Bytes of the bodies of all requests under way. */
  memoryBytes: number;
  /** Pixels of a photo. */
  pixels: number;
  /** Seconds until a request is given up. */
  seconds: number;
}

export const defaultLimits: ServiceLimits = {
  requests: 128,
  uploadBytes: 20 * 2 ** 20,
  memoryBytes: 512 * 2 ** 20,
  pixels: 50_000_000,
  seconds: 30,
};

export interface ServiceOptions {
  /** Directories of checkpoints; the last part of each is the model's id. */
  checkpoints: readonly string[];
  device?: Pick<BackendOptions, 'backend' | 'precision'>;
  /** Most photos captioned together, 16 by default. */
  batchSize?: number;
  /** How long a photo waits for others while nothing is computed, milliseconds, 5 by default. */
  batchWindow?: number;
  limits?: Partial<ServiceLimits>;
  /** What clients must send as a bearer token; none by default. */
  token?: string;
  /** Origins whose pages may use the API, as `https://example.org`; none by default. */
  corsOrigins?: readonly string[];
  log?: Log;
}

export interface Service {
  /** For `@hono/node-server`, or a part of another application: `app.fetch` takes a Request and gives a Response. */
  app: Hono;
  models: readonly ServedModel[];
  /** What computes, for people. */
  backend: string;
  /** The process that owns the models, while it runs. */
  modelPid(): number | undefined;
  /** Takes no more requests, finishes those under way, ends the models. */
  close(): Promise<void>;
}

/** Seconds. */
const DAY = 86_400;

interface Payload {
  model: ServedModel;
  photo: Photo;
  options: CaptionOptions;
  onWords?: (words: string[], caption: string) => void;
}

/** @throws UserError for a checkpoint that cannot be served, or a setting out of range */
export async function createService(options: ServiceOptions): Promise<Service> {
  const { log = silentLog, batchSize = 16, batchWindow = 5, corsOrigins = [] } = options;
  const limits = { ...defaultLimits, ...options.limits };
  checkSettings({ batchSize, ...limits }, batchWindow, options.token);
  const models = readModels(options.checkpoints);
  const configs = distinctConfigs(models);
  const assets = readAssets();

  const admission = new Admission({ requests: limits.requests, bytes: limits.memoryBytes });
  const metrics: Metrics = createMetrics({
    inFlight: () => admission.inFlight,
    waiting: () => queue.waiting,
    ready: () => modelProcess.ready,
  });
  const modelProcess = await ModelProcess.start({
    models: models.map(({ id, directory }) => ({ id, directory })),
    device: options.device ?? {},
    log,
    onRestart: () => metrics.restarts.inc(),
  });
  const decoders = Math.min(4, availableParallelism());
  const threads = new ThreadPool<Uint8Array, Awaited<ReturnType<typeof readPhoto>>>(
    compiledScript(import.meta.url, 'photo-thread.js'),
    { configs, limits: { pixels: limits.pixels, seconds: limits.seconds } } satisfies PhotoThreadSettings,
    decoders,
  );
  const gate = new Gate(decoders);
  const queue = new BatchQueue<Payload, ModelResult['captions']>({
    size: batchSize,
    window: batchWindow,
    run(payloads) {
      const [{ model, options: search }] = payloads;
      const place = configs.findIndex((config) => isDeepStrictEqual(config, model.config.image));
      return modelProcess.run({
        model: model.id,
        options: search,
        images: payloads.map(({ photo }) => ({
          pixels: photo.pixels[place],
          photo: photo.size,
          key: photo.key,
        })),
        onWords: payloads.map(({ onWords }) => onWords),
      });
    },
    onStart(payloads, waited) {
      metrics.batch.observe({ model: payloads[0].model.id }, payloads.length);
      for (const seconds of waited) metrics.wait.observe(seconds);
    },
  });

  const service: CaptionService = {
    models,
    admission,
    limits,
    async readPhoto(bytes, signal) {
      // The body's own memory: no copy.
      const own = bytes.byteLength === bytes.buffer.byteLength ? [bytes.buffer as ArrayBuffer] : [];
      const photo = await gate.run(() => threads.run(bytes, own), signal);
      if ('refusal' in photo) throw new ApiError(photo.refusal);
      return photo;
    },
    async caption(model, photo, search, signal, onWords) {
      const group = JSON.stringify([model.id, Object.entries(search).sort()]);
      const captions = await queue.submit(group, { model, photo, options: search, onWords }, signal);
      metrics.captions.inc({ model: model.id });
      return { model: model.id, captions };
    },
    refusalOf(error) {
      if (error instanceof ApiError) return error;
      log.warn(error instanceof Error ? (error.stack ?? error.message) : String(error));
      return new ApiError(refusals.internal, error);
    },
  };

  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as {
    version: string;
  };
  const app = createApp({
    service,
    metrics,
    whyNotReady() {
      if (admission.closed) return 'the service is stopping';
      if (!modelProcess.ready) return 'the models are not loaded';
      return admission.full ? 'too many photos are waiting' : undefined;
    },
    describe: () => ({
      models: describeModels(models, modelProcess.hashes),
      limits: {
        uploadBytes: limits.uploadBytes,
        pixels: limits.pixels,
        types: photoTypes,
        beam: MOST.beam,
        captions: MOST.captions,
        words: MOST.words,
        timeoutSeconds: limits.seconds,
      },
    }),
    assets,
    version,
    token: options.token ?? null,
    corsOrigins,
  });
  let closing: Promise<void> | undefined;
  async function close(): Promise<void> {
    await admission.close();
    await Promise.all([modelProcess.close(), threads.close()]);
    metrics.registry.clear();
  }
  return {
    app,
    models,
    backend: modelProcess.backend,
    modelPid: () => modelProcess.pid,
    close() {
      return (closing ??= close());
    },
  };
}

/** Models that see photos alike share their pixels. */
function distinctConfigs(models: readonly ServedModel[]): ImageConfig[] {
  const configs: ImageConfig[] = [];
  for (const { config } of models) {
    if (!configs.some((other) => isDeepStrictEqual(other, config.image))) configs.push(config.image);
  }
  return configs;
}

function checkSettings(settings: Record<string, number>, window: number, token: string | undefined): void {
  for (const [name, value] of Object.entries(settings)) {
    if (Number.isFinite(value) && value > 0) continue;
    throw new UserError(`${name} is ${value}; it must be a number above 0`);
  }
  if (settings.seconds > DAY) throw new UserError(`seconds is ${settings.seconds}; a day has ${DAY}`);
  if (!(Number.isFinite(window) && window >= 0)) {
    throw new UserError(`batchWindow is ${window}; it must be a number of milliseconds, 0 or more`);
  }
  if (settings.memoryBytes < settings.uploadBytes) {
    throw new UserError('memoryBytes is less than uploadBytes: no photo would ever be taken');
  }
  if (token !== undefined && !/^[\w.~+/=-]+$/.test(token)) {
    throw new UserError('the token must be of letters, digits and . _ ~ + / = -, and not empty');
  }
}
