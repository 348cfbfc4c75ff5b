import type { Clock } from "#lib/base/clock.ts";

/** Holds what is sent to a rate; after a pause a little may go at once. */
export type Pacer = {
  readonly spend: (bytes: number) => void;
  /** 0: now. */
  readonly waitMs: () => number;
};

/** Timers are late by a millisecond or two: without it the rate would not be reached. */
const burstMs = 8;

/** @param bytesPerMs 0: no limit */
export function createPacer(bytesPerMs: number, clock: Clock): Pacer {
  if (bytesPerMs === 0) return { spend: () => undefined, waitMs: () => 0 };
  let paidUntilMs = -Infinity;
  return {
    spend: (bytes) => {
      paidUntilMs = Math.max(paidUntilMs, clock.nowMs() - burstMs) + bytes / bytesPerMs;
    },
    waitMs: () => Math.max(0, paidUntilMs - clock.nowMs()),
  };
}
