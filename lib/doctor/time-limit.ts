export type TimeLimit = Disposable & {
  readonly signal: AbortSignal;
  /** For so long nothing of ours ran since then, though it was due. */
  readonly missedMs: () => number;
};

const tickMs = 25;
/** What a tick takes longer than this, nothing of ours ran: that is not the other side's silence. */
const maxTickMs = 2 * tickMs;

/**
 * Aborts after `ms` in which this process was awake, and not before what has arrived meanwhile was read. On a machine that
 * is busy, a process may not run for a second, and then finds the timer and the bytes due in the same turn of the event loop,
 * the timer first: a healthy server would be called silent.
 */
export function limitTime(ms: number, whole?: AbortSignal): TimeLimit {
  const over = new AbortController();
  let afterReading: NodeJS.Immediate | undefined;
  let leftMs = ms;
  let missedMs = 0;
  let lastMs = performance.now();
  const tick = () => {
    const nowMs = performance.now();
    leftMs -= Math.min(nowMs - lastMs, maxTickMs);
    missedMs += missedBetween(lastMs, nowMs);
    lastMs = nowMs;
    if (leftMs > 0) return;
    clearInterval(timer);
    afterReading = setImmediate(() => over.abort());
  };
  const timer = setInterval(tick, Math.min(tickMs, ms));
  return {
    signal: whole === undefined ? over.signal : AbortSignal.any([whole, over.signal]),
    missedMs: () => Math.round(missedMs + missedBetween(lastMs, performance.now())),
    [Symbol.dispose]: () => {
      clearInterval(timer);
      clearImmediate(afterReading);
    },
  };
}

function missedBetween(lastMs: number, nowMs: number): number {
  return Math.max(0, nowMs - lastMs - tickMs);
}
