export type TimeLimit = Disposable & { readonly signal: AbortSignal };

const tickMs = 25;
/** A tick that comes later than this came late because nothing of ours ran: that is not the other side's silence. */
const maxTickMs = 100;

/**
 * Aborts after `ms` in which this process was awake, and not before what has arrived meanwhile was read. On a machine that
 * is busy, a process may not run for a second, and then finds the timer and the bytes due in the same turn of the event loop,
 * the timer first: a healthy server would be called silent.
 */
export function limitTime(ms: number, whole?: AbortSignal): TimeLimit {
  const over = new AbortController();
  let afterReading: NodeJS.Immediate | undefined;
  let leftMs = ms;
  let lastMs = performance.now();
  const tick = () => {
    const nowMs = performance.now();
    leftMs -= Math.min(nowMs - lastMs, maxTickMs);
    lastMs = nowMs;
    if (leftMs > 0) return;
    clearInterval(timer);
    afterReading = setImmediate(() => over.abort());
  };
  const timer = setInterval(tick, Math.min(tickMs, ms));
  return {
    signal: whole === undefined ? over.signal : AbortSignal.any([whole, over.signal]),
    [Symbol.dispose]: () => {
      clearInterval(timer);
      clearImmediate(afterReading);
    },
  };
}
