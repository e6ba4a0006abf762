import { describe, expect, it } from 'vitest';
import { Admission } from './admission.js';
import { ApiError } from './errors.js';

function refusalOf(run: () => unknown) {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiError) return error.refusal;
    throw error;
  }
  return undefined;
}

describe('admission', () => {
  it('lets in as many as there are places, then says when to come back', () => {
    const admission = new Admission({ requests: 2, bytes: 1000 });
    const leave = admission.enter(10);
    admission.enter(10);
    expect(admission.full).toBe(true);
    const refusal = refusalOf(() => admission.enter(10));
    expect(refusal).toMatchObject({ status: 503, code: 'busy' });
    expect(refusal!.retryAfter).toBeGreaterThanOrEqual(1);
    leave();
    leave();
    expect(admission.inFlight).toBe(1);
    expect(refusalOf(() => admission.enter(10))).toBeUndefined();
  });

  it('counts the bytes of all bodies, but one request is always let in', () => {
    const admission = new Admission({ requests: 10, bytes: 100 });
    const leave = admission.enter(100);
    expect(refusalOf(() => admission.enter(1))).toMatchObject({ code: 'busy' });
    leave();
    expect(refusalOf(() => admission.enter(60))).toBeUndefined();
    expect(refusalOf(() => admission.enter(41))).toMatchObject({ code: 'busy' });
    expect(refusalOf(() => admission.enter(40))).toBeUndefined();
  });

  it('closes when the last one has left', async () => {
    const admission = new Admission({ requests: 2, bytes: 100 });
    const leave = admission.enter(1);
    let closed = false;
    const closing = admission.close().then(() => (closed = true));
    expect(refusalOf(() => admission.enter(1))).toMatchObject({ status: 503, code: 'stopping' });
    await Promise.resolve();
    expect(closed).toBe(false);
    leave();
    await closing;
    await admission.close();
  });
});
