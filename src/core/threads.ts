/** A pool of worker threads that answer requests, each a function of its request alone. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parentPort, Worker } from 'node:worker_threads';
import { messageOf } from './errors.js';
import { fromReply, toReply, type ErrorReply } from './replies.js';

/** More threads than this read faster than any device here computes. */
const MOST = 8;

interface Request<T> {
  id: number;
  request: T;
}

type Reply<R> = { id: number } & ({ result: R } | { error: ErrorReply });

interface Pending<R> {
  resolve(result: R): void;
  reject(error: Error): void;
}

interface Thread<R> {
  worker: Worker;
  pending: Map<number, Pending<R>>;
}

/**
 * The compiled script beside a module, also where the module runs from its source: Node 20 does not run TypeScript, so
 * tests start threads and processes from `dist`.
 * @param from `import.meta.url` of a module in `src/ROOM`
 * @param name of the script in the same room, as `image-thread.js`
 */
export function compiledScript(from: string, name: string): URL {
  if (!from.endsWith('.ts')) return new URL(name, from);
  const [, root, inner] = /^(.*)\/src\/((?:[^/]+\/)+)[^/]+$/.exec(from)!;
  return new URL(`${root}/dist/${inner}${name}`);
}

export class ThreadPool<T, R> {
  private readonly threads: (Thread<R> | undefined)[];
  private requests = 0;
  private closed = false;

  /**
   * @param script calls {@link answerRequests}
   * @param settings what {@link answerRequests} hands its function with every request; plain data
   * @param threads started when they are first needed; by default one a processor core, at most 8
   */
  constructor(
    private readonly script: URL,
    private readonly settings: unknown,
    threads = Math.min(MOST, availableParallelism()),
  ) {
    this.threads = Array.from({ length: threads }, () => undefined);
  }

  private start(slot: number): Thread<R> {
    const thread: Thread<R> = {
      worker: new Worker(this.script, { workerData: this.settings, name: fileURLToPath(this.script) }),
      pending: new Map(),
    };
    // What a thread was at work on ends with it; the next request starts another.
    const fail = (error: Error) => {
      if (this.threads[slot] === thread) this.threads[slot] = undefined;
      for (const { reject } of thread.pending.values()) reject(error);
      thread.pending.clear();
    };
    thread.worker.on('message', (reply: Reply<R>) => {
      const pending = thread.pending.get(reply.id);
      thread.pending.delete(reply.id);
      if ('result' in reply) pending?.resolve(reply.result);
      else pending?.reject(fromReply(reply.error));
    });
    thread.worker.on('error', (error: unknown) => fail(new Error(`a thread failed: ${messageOf(error)}`)));
    thread.worker.on('exit', (code) => fail(new Error(`a thread ended (${code})`)));
    this.threads[slot] = thread;
    return thread;
  }

  /**
   * The answer of the least busy thread.
   * @param transfer memory of the request that moves to the thread instead of being copied
   * @throws what the thread's function threw; a UserError stays one
   */
  run(request: T, transfer: ArrayBuffer[] = []): Promise<R> {
    if (this.closed) return Promise.reject(new Error('the threads are closed'));
    const load = this.threads.map((thread) => thread?.pending.size ?? 0);
    const slot = load.indexOf(Math.min(...load));
    const thread = this.threads[slot] ?? this.start(slot);
    return new Promise((resolve, reject) => {
      const id = this.requests++;
      thread.pending.set(id, { resolve, reject });
      thread.worker.postMessage({ id, request } satisfies Request<T>, transfer);
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all(this.threads.map((thread) => thread?.worker.terminate()));
  }
}

/** In a thread: answers the pool's requests. @param transfer memory of a result that moves instead of being copied */
export function answerRequests<T, R>(
  work: (request: T) => Promise<R>,
  transfer: (result: R) => ArrayBuffer[] = () => [],
): void {
  parentPort!.on('message', ({ id, request }: Request<T>) => {
    work(request).then(
      (result) => parentPort!.postMessage({ id, result } satisfies Reply<R>, transfer(result)),
      (error: unknown) => parentPort!.postMessage({ id, error: toReply(error) } satisfies Reply<R>),
    );
  });
}
