import type { Clock } from "#lib/base/clock.ts";

export type DrivenClock = Clock & { advance(ms: number): void };

/** Time moves when the test says so, and when something sleeps: a sleep is over at once. */
export function createDrivenClock(): DrivenClock {
  let now = 0;
  return {
    nowMs: () => now,
    wallTime: () => new Date(Date.UTC(2026, 0, 1) + now),
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      now += ms;
    },
    advance: (ms) => {
      now += ms;
    },
  };
}
