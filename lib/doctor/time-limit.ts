export type TimeLimit = Disposable & { readonly signal: AbortSignal };

/**
 * Aborts after `ms`, but not before what has arrived meanwhile was read: on a machine that is busy, the timer and the
 * bytes are often due in the same turn of the event loop, and the timer comes first in it.
 */
export function limitTime(ms: number, whole?: AbortSignal): TimeLimit {
  const over = new AbortController();
  let afterReading: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    afterReading = setImmediate(() => over.abort());
  }, ms);
  return {
    signal: whole === undefined ? over.signal : AbortSignal.any([whole, over.signal]),
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      clearImmediate(afterReading);
    },
  };
}
