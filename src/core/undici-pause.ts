/**
 * Keeps undici from pausing a download. Where a server ends the connection while undici 7 pauses, as it does whenever the
 * reader is a little slower, the whole process dies of a failed assertion that nothing can catch
 * (https://github.com/nodejs/undici/issues/5360, mended in undici 8).
 */
import type { Dispatcher } from 'undici';

/** Bytes that may wait for the disk before a download is paused all the same. */
const BACKLOG = 256 * 2 ** 20;

export interface Eager {
  interceptor: Dispatcher.DispatcherComposeInterceptor;
  /** To be told of every chunk that was written. */
  taken(bytes: number): void;
}

export async function eager(): Promise<Eager> {
  const { DecoratorHandler } = await import('undici');
  let waiting = 0;
  return {
    interceptor: (dispatch) => (options, handler) => {
      const outer: Dispatcher.DispatchHandler = new DecoratorHandler(handler);
      const give = outer.onResponseData!.bind(outer);
      outer.onResponseData = (controller, chunk) => {
        waiting += chunk.length;
        const calm = Object.create(controller) as Dispatcher.DispatchController;
        calm.pause = () => void (waiting > BACKLOG && controller.pause());
        give(calm, chunk);
      };
      return dispatch(options, outer);
    },
    taken: (bytes) => void (waiting -= bytes),
  };
}
