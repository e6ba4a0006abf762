/** Ordered results of asynchronous work with several pieces in flight. */

/**
 * Yields `work(item)` in the items' order. Rejections surface at their turn. When the consumer stops early, what
 * is in flight is waited for, so that nothing runs on behind its back.
 *
 * @param ahead most pieces in flight; asked anew before each start, so it may follow what the results cost
 */
export async function* prefetch<T, R>(
  items: Iterable<T>,
  ahead: () => number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const iterator = items[Symbol.iterator]();
  const pending: Promise<R>[] = [];
  let next = iterator.next();
  try {
    for (;;) {
      while (!next.done && pending.length < Math.max(1, ahead())) {
        const started = work(next.value);
        started.catch(() => {}); // it is reported when its turn comes
        pending.push(started);
        next = iterator.next();
      }
      const first = pending.shift();
      if (!first) return;
      yield await first;
    }
  } finally {
    await Promise.allSettled(pending);
  }
}
