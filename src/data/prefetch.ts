/** Ordered results of asynchronous work with several pieces in flight. */

/**
 * Yields `work(item)` in the items' order. Rejections surface at their turn, and so does an error of the items
 * themselves: behind the results of those before it. When the consumer stops early, what is in flight is waited for, so
 * that nothing runs on behind its back.
 *
 * @param ahead most pieces in flight; asked anew before each start, so it may follow what the results cost
 */
export async function* prefetch<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  ahead: () => number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const pending: Promise<R>[] = [];
  let failed: { error: unknown } | undefined;
  let done = false;
  try {
    for (;;) {
      while (!done && pending.length < Math.max(1, ahead())) {
        try {
          const next = await iterator.next();
          if (next.done) done = true;
          else {
            const started = work(next.value);
            started.catch(() => {}); // it is reported when its turn comes
            pending.push(started);
          }
        } catch (error) {
          done = true;
          failed = { error };
        }
      }
      const first = pending.shift();
      if (first) yield await first;
      else if (failed) throw failed.error;
      else return;
    }
  } finally {
    await Promise.allSettled(pending);
    if (!done) await iterator.return?.();
  }
}
