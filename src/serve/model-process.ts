/** The service's end of the process that owns the models: hands it batches, and starts it anew when it dies. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BackendOptions } from '../backend/index.js';
import { compiledScript, fromReply, type Log } from '../core/index.js';
import { ApiError, refusals } from './errors.js';
import type { BatchRequest, ModelReply, ModelRequest } from './model-messages.js';
import type { ModelResult } from './schemas.js';

export interface ModelProcessOptions {
  models: { id: string; directory: string }[];
  device: Pick<BackendOptions, 'backend' | 'precision'>;
  log: Log;
  /** Told of every start after the first. */
  onRestart?: () => void;
}

export interface Batch extends Omit<BatchRequest, 'type' | 'batch' | 'streamed'> {
  /** For each image, told of its words as they come, or absent. */
  onWords: (((words: string[], caption: string) => void) | undefined)[];
}

interface Pending {
  batch: Batch;
  resolve(captions: ModelResult['captions'][]): void;
  reject(error: unknown): void;
}

/** Waits before a process that died is started again, milliseconds; the last one is repeated. */
const PAUSES = [0, 1000, 2000, 5000, 10_000, 30_000];

export class ModelProcess {
  private readonly pending = new Map<number, Pending>();
  /** The process that was started last, ready or not. */
  private latest: ChildProcess | undefined;
  /** Once it is ready. */
  private child: ChildProcess | undefined;
  private batches = 0;
  private deaths = 0;
  private closing = false;
  private loaded: { backend: string; hashes: Map<string, string> } | undefined;
  /** Settled once the process that runs now, or the next one, is ready. */
  private starting: Promise<void>;

  private constructor(private readonly options: ModelProcessOptions) {
    this.starting = this.start();
  }

  /** Resolves when all models are loaded. @throws UserError for a checkpoint that cannot be */
  static async start(options: ModelProcessOptions): Promise<ModelProcess> {
    const models = new ModelProcess(options);
    await models.starting;
    return models;
  }

  /** Whether a batch would be computed now. */
  get ready(): boolean {
    return this.child !== undefined;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** What computes, for people. */
  get backend(): string {
    return this.loaded!.backend;
  }

  /** SHA-256 of the weights of each model, by id. */
  get hashes(): ReadonlyMap<string, string> {
    return this.loaded!.hashes;
  }

  private async start(): Promise<void> {
    const child = fork(fileURLToPath(compiledScript(import.meta.url, 'model-child.js')), {
      serialization: 'advanced',
      // Standard output belongs to whoever started the service.
      stdio: ['ignore', 2, 2, 'ipc'],
      execArgv: [],
    });
    this.latest = child;
    const { models, device } = this.options;
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject); // a message to a process that just died fails as well
      child.once('exit', (code, signal) => {
        const why = signal ?? `exit code ${code}`;
        reject(new Error(`the process of the models ended before they were loaded (${why})`));
        this.died(child, why);
      });
      child.on('message', (reply: ModelReply) => {
        if (reply.type === 'loaded') {
          this.loaded = { backend: reply.backend, hashes: new Map(reply.hashes) };
          this.child = child;
          resolve();
        } else if (reply.type === 'refused') {
          reject(fromReply(reply.error));
          child.disconnect();
        } else this.take(reply);
      });
      child.send({ type: 'load', models, device } satisfies ModelRequest);
    });
  }

  private take(reply: Exclude<ModelReply, { type: 'loaded' | 'refused' }>): void {
    const pending = this.pending.get(reply.batch);
    if (!pending) return;
    if (reply.type === 'words') {
      pending.batch.onWords[reply.image]?.(reply.words, reply.caption);
      return;
    }
    this.pending.delete(reply.batch);
    this.deaths = 0;
    if (reply.type === 'captions') pending.resolve(reply.captions);
    else pending.reject(fromReply(reply.error));
  }

  /** A photo that kills its process must not kill the next one: what was under way is not tried again. */
  private died(child: ChildProcess, why: string): void {
    if (this.child !== child) return;
    this.child = undefined;
    const failed = [...this.pending.values()];
    this.pending.clear();
    if (!this.closing) {
      this.options.log.warn(`the process of the models ended (${why}); ${failed.length} batches are lost`);
      this.starting = this.restart();
      this.starting.catch(() => {}); // who waits for it is told
    }
    for (const { reject } of failed) reject(new ApiError(refusals.modelFailed));
  }

  private async restart(): Promise<void> {
    for (;;) {
      await setTimeout(PAUSES[Math.min(this.deaths++, PAUSES.length - 1)], undefined, { ref: false });
      if (this.closing) throw new ApiError(refusals.stopping);
      try {
        this.options.onRestart?.();
        await this.start();
        this.options.log.info('the models are loaded again');
        return;
      } catch (error) {
        if (this.closing) throw new ApiError(refusals.stopping, error);
        this.options.log.warn(`the models cannot be loaded again: ${String(error)}`);
      }
    }
  }

  /** Captions of a batch: for each image the best of its captions first. Waits while the process is being restarted. */
  async run(batch: Batch): Promise<ModelResult['captions'][]> {
    if (!this.child) await this.starting;
    const { model, options, images, onWords } = batch;
    return new Promise((resolve, reject) => {
      const id = this.batches++;
      this.pending.set(id, { batch, resolve, reject });
      const streamed = onWords.map((listener) => listener !== undefined);
      this.child!.send({ type: 'batch', batch: id, model, options, images, streamed } satisfies ModelRequest);
    });
  }

  /** Ends the process; what it is at work on is lost. */
  async close(): Promise<void> {
    this.closing = true;
    const { latest } = this;
    if (!latest || latest.exitCode !== null || latest.signalCode !== null) return;
    const exit = once(latest, 'exit');
    latest.kill('SIGKILL');
    await exit;
  }
}
