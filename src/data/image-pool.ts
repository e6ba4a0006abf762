/** Threads that decode images while the device computes. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { UserError } from '../core/index.js';
import type { ImageReply, ImageRequest, WorkerSettings } from './image-worker.js';
import type { RgbImage } from './image.js';

/** More threads than this read faster than any device here trains. */
const MOST = 8;

// The compiled thread also for tests, which run from the sources: Node 20 does not run TypeScript.
const script = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/data/image-worker.js' : './image-worker.js',
  import.meta.url,
);

interface Pending {
  resolve(image: RgbImage): void;
  reject(error: Error): void;
}

interface Thread {
  worker: Worker;
  pending: Map<number, Pending>;
}

export class ImagePool {
  private readonly threads: Thread[];
  private requests = 0;
  private failure: Error | undefined;

  /** @param threads by default one a processor core, at most 8 */
  constructor(settings: WorkerSettings, threads = Math.min(MOST, availableParallelism())) {
    this.threads = Array.from({ length: threads }, () => this.start(settings));
  }

  private start(settings: WorkerSettings): Thread {
    const thread: Thread = { worker: new Worker(script, { workerData: settings }), pending: new Map() };
    thread.worker.on('message', (reply: ImageReply) => {
      const { resolve, reject } = thread.pending.get(reply.id)!;
      thread.pending.delete(reply.id);
      if ('data' in reply) resolve({ width: reply.width, height: reply.height, data: reply.data });
      else reject(new UserError(reply.message, { hint: reply.hint }));
    });
    thread.worker.on('error', (error: Error) => this.fail(error));
    thread.worker.on('exit', (code) => this.fail(new Error(`a thread that decodes images ended (${code})`)));
    return thread;
  }

  /** Ends what is under way and all that is asked later. */
  private fail(error: Error): void {
    this.failure ??= error;
    for (const { pending } of this.threads) {
      for (const { reject } of pending.values()) reject(this.failure);
      pending.clear();
    }
  }

  /**
   * Pixels of an image file, ready for the encoder.
   * @param seed of its random changes; null: as captioning sees it
   * @throws UserError when the file cannot be read or decoded
   */
  read(path: string, seed: string | null): Promise<RgbImage> {
    return new Promise((resolve, reject) => {
      if (this.failure) {
        reject(this.failure);
        return;
      }
      const thread = this.threads.reduce((least, other) =>
        other.pending.size < least.pending.size ? other : least,
      );
      const request: ImageRequest = { id: this.requests++, path, seed };
      thread.pending.set(request.id, { resolve, reject });
      thread.worker.postMessage(request);
    });
  }

  async close(): Promise<void> {
    this.failure ??= new Error('the threads that decode images are closed');
    await Promise.all(this.threads.map(({ worker }) => worker.terminate()));
  }
}
