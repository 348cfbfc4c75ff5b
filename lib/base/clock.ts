import { setTimeout as delay } from "node:timers/promises";

/** Time as the rest of the code sees it: passed in, so that tests drive it. */
export interface Clock {
  /** Milliseconds of a monotonic clock with an arbitrary start: for durations. */
  nowMs(): number;
  /** The wall clock: for time stamps only. */
  wallTime(): Date;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallTime: () => new Date(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal === undefined ? undefined : { signal });
  },
};

/** Whole milliseconds since `startMs`, which came from the same clock's `nowMs`. */
export function elapsedMs(clock: Clock, startMs: number): number {
  return Math.round(clock.nowMs() - startMs);
}
