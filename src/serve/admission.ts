/** Who may come in: bounds the requests under way and the memory of their bodies. */
import { ApiError, refusals } from './errors.js';

export interface AdmissionLimits {
  /** Requests under way at one time: being read, decoded, waiting or captioned. */
  requests: number;
  /** Bytes of the bodies of all of them. */
  bytes: number;
}

/** Longest advice to wait, seconds. */
const LONGEST_WAIT = 60;
/** Share of the newest duration in the running mean. */
const NEWEST = 0.1;

export class Admission {
  private requests = 0;
  private bytes = 0;
  /** Running mean of the time between two ends, seconds; what one place takes to become free. */
  private pace = 0.05;
  private lastEnd = 0;
  private closing = false;
  private empty: (() => void) | undefined;

  constructor(private readonly limits: AdmissionLimits) {}

  get inFlight(): number {
    return this.requests;
  }

  /** Nobody comes in any more. */
  get closed(): boolean {
    return this.closing;
  }

  get full(): boolean {
    return this.requests >= this.limits.requests;
  }

  /**
   * Takes a place. @param bytes most that the body may have
   * @returns gives the place back; may be called once more than needed
   * @throws ApiError 503 with the time to wait, if there is none
   */
  enter(bytes: number): () => void {
    if (this.closing) throw new ApiError(refusals.stopping);
    if (this.full || (this.requests > 0 && this.bytes + bytes > this.limits.bytes)) {
      const seconds = Math.ceil(this.requests * this.pace);
      throw new ApiError({
        status: 503,
        code: 'busy',
        message: 'Too many photos are waiting.',
        hint: 'Try again after the seconds that Retry-After says.',
        retryAfter: Math.min(Math.max(seconds, 1), LONGEST_WAIT),
      });
    }
    if (this.requests === 0) this.lastEnd = performance.now();
    this.requests++;
    this.bytes += bytes;
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.requests--;
      this.bytes -= bytes;
      const now = performance.now();
      this.pace += NEWEST * ((now - this.lastEnd) / 1000 - this.pace);
      this.lastEnd = now;
      if (this.requests === 0) this.empty?.();
    };
  }

  /** Lets nobody in and waits until all have left. */
  async close(): Promise<void> {
    this.closing = true;
    if (this.requests > 0) await new Promise<void>((resolve) => (this.empty = resolve));
  }
}
