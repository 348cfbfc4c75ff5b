import type { Clock } from "#lib/base/clock.ts";

/**
 * Runs `work` with a signal that is aborted with `late()` after `ms`, or with the given signal's reason when that comes
 * first. Settles when `work` does; the timer is gone by then.
 */
export async function withDeadline<T>(
  ms: number,
  { clock, signal, late }: { readonly clock: Clock; readonly signal: AbortSignal; readonly late: () => Error },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const stop = new AbortController();
  const timer = new AbortController();
  const abort = () => stop.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  clock.sleep(ms, timer.signal).then(
    () => stop.abort(late()),
    () => {},
  );
  try {
    return await work(stop.signal);
  } finally {
    timer.abort();
    signal.removeEventListener("abort", abort);
  }
}

/** Settles as the promise does, or with the signal's reason when that comes first: for what cannot be broken off itself. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
