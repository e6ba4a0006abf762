/** Collects jobs into batches: a full batch goes at once, a part of one when its first job has waited for the window. */

export interface BatchQueueOptions<P, R> {
  /** Most jobs of a batch. */
  size: number;
  /** How long the first job of a batch waits for others while nothing runs, milliseconds. */
  window: number;
  /** Does the work of one batch; a result for each payload, in their order. */
  run(payloads: P[]): Promise<R[]>;
  /** Told how long the jobs of a batch waited, seconds. */
  onStart?(payloads: P[], waited: number[]): void;
}

interface Job<P, R> {
  group: string;
  payload: P;
  /** milliseconds */
  since: number;
  resolve(result: R): void;
  reject(reason: unknown): void;
}

/** Batches under way: one computes, one full one may lie ready behind it, so that the model never waits. */
const UNDER_WAY = 2;

export class BatchQueue<P, R> {
  private readonly jobs: Job<P, R>[] = []; // by age
  private running = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: BatchQueueOptions<P, R>) {}

  /** Jobs that no batch has taken yet. */
  get waiting(): number {
    return this.jobs.length;
  }

  /**
   * @param group only jobs of one group share a batch
   * @param signal takes the job out of the queue, or gives up its result
   * @throws the signal's reason, or what the batch failed with
   */
  submit(group: string, payload: P, signal: AbortSignal): Promise<R> {
    return new Promise((resolve, reject) => {
      const done =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          signal.removeEventListener('abort', leave);
          settle(value);
        };
      const job: Job<P, R> = {
        group,
        payload,
        since: performance.now(),
        resolve: done(resolve),
        reject: done(reject),
      };
      const leave = () => {
        const place = this.jobs.indexOf(job);
        if (place >= 0) this.jobs.splice(place, 1);
        job.reject(signal.reason);
      };
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      signal.addEventListener('abort', leave);
      this.jobs.push(job);
      this.dispatch();
    });
  }

  private dispatch(): void {
    clearTimeout(this.timer);
    while (this.running < UNDER_WAY) {
      const batch = this.take();
      if (!batch) return;
      void this.start(batch);
    }
  }

  /** The next batch, if one may go now; else the clock is set where only time is missing. */
  private take(): Job<P, R>[] | undefined {
    const { size, window } = this.options;
    const groups = new Map<string, Job<P, R>[]>();
    for (const job of this.jobs) {
      const group = groups.get(job.group);
      if (group) group.push(job);
      else groups.set(job.group, [job]);
    }
    let batch = [...groups.values()].find((jobs) => jobs.length >= size);
    // In front of a busy model a part of a batch would go no sooner than a full one.
    if (!batch && this.running === 0 && this.jobs.length > 0) {
      const left = window - (performance.now() - this.jobs[0].since);
      if (left > 0) {
        this.timer = setTimeout(() => this.dispatch(), left);
        return undefined;
      }
      batch = groups.get(this.jobs[0].group);
    }
    const taken = new Set(batch?.slice(0, size));
    if (taken.size === 0) return undefined;
    this.jobs.splice(0, Infinity, ...this.jobs.filter((job) => !taken.has(job)));
    return [...taken];
  }

  private async start(batch: Job<P, R>[]): Promise<void> {
    this.running++;
    const payloads = batch.map(({ payload }) => payload);
    const now = performance.now();
    this.options.onStart?.(
      payloads,
      batch.map(({ since }) => (now - since) / 1000),
    );
    try {
      const results = await this.options.run(payloads);
      batch.forEach((job, i) => job.resolve(results[i]));
    } catch (error) {
      for (const job of batch) job.reject(error);
    } finally {
      this.running--;
      this.dispatch();
    }
  }
}
