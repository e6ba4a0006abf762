/** Lets a few pieces of work run at a time; the others wait in line, and may leave it. */
export class Gate {
  private free: number;
  private readonly line: (() => void)[] = [];

  /** @param places pieces of work at one time */
  constructor(places: number) {
    this.free = places;
  }

  /**
   * @param signal takes the work out of the line; work that has begun keeps its place until it ends
   * @throws the signal's reason, or what the work throws
   */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.enter(signal);
    const result = work().finally(() => this.leave());
    result.catch(() => {}); // nobody may be left to hear of it
    return raced(result, signal);
  }

  private enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.free > 0) {
      this.free--;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const next = () => {
        signal.removeEventListener('abort', give);
        resolve();
      };
      const give = () => {
        this.line.splice(this.line.indexOf(next), 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', give, { once: true });
      this.line.push(next);
    });
  }

  private leave(): void {
    const next = this.line.shift();
    if (next) next();
    else this.free++;
  }
}

/** What comes first: the result, or the signal's reason. */
export function raced<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    result.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
