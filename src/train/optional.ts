/** Work that shows a training, which must never end it: what goes wrong is said the first time. */
import { messageOf, type Log } from '../core/index.js';

export class Optional {
  private warned = false;

  /** @param missing what is left out, as in `no report` */
  constructor(
    private readonly log: Pick<Log, 'warn'>,
    private readonly missing: string,
  ) {}

  /** @returns undefined where it failed */
  async attempt<T>(work: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!this.warned) this.log.warn(`${this.missing}: ${messageOf(error)}`);
      this.warned = true;
      return undefined;
    }
  }
}
