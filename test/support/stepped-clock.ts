import type { Clock } from "#lib/base/clock.ts";

/** Time stands still until the test moves it; unlike the driven clock, a sleep lasts until then. */
export type SteppedClock = Clock & {
  /** Lets time pass and what was due happen, in order, with everything that follows from it in memory. */
  advance(ms: number): Promise<void>;
  /** The machine sleeps, as Linux has it: the wall clock alone moves, and timers go on where they were. */
  suspend(ms: number): void;
  /** Sleeps under way. */
  readonly sleeping: number;
};

type Sleeper = { readonly dueMs: number; readonly wake: () => void };

export function createSteppedClock(): SteppedClock {
  let now = 0;
  let suspendedMs = 0;
  const sleepers = new Set<Sleeper>();
  return {
    nowMs: () => now,
    wallTime: () => new Date(Date.UTC(2026, 0, 1) + now + suspendedMs),
    get sleeping() {
      return sleepers.size;
    },
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const sleeper = { dueMs: now + Math.max(0, ms), wake: resolve };
      const abort = () => reject(signal?.reason);
      sleepers.add(sleeper);
      signal?.addEventListener("abort", abort, { once: true });
      try {
        await promise;
      } finally {
        sleepers.delete(sleeper);
        signal?.removeEventListener("abort", abort);
      }
    },
    suspend: (ms) => {
      suspendedMs += ms;
    },
    async advance(ms) {
      const untilMs = now + ms;
      await settle();
      for (;;) {
        const next = [...sleepers].toSorted((a, b) => a.dueMs - b.dueMs)[0];
        if (next === undefined || next.dueMs > untilMs) break;
        now = Math.max(now, next.dueMs);
        next.wake();
        await settle();
      }
      now = untilMs;
    },
  };
}

/** Promises, ticks and streams in memory come to rest. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    const { promise, resolve } = Promise.withResolvers<void>();
    setImmediate(() => resolve());
    await promise;
  }
}
