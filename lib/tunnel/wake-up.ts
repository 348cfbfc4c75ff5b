import type { Clock } from "#lib/base/clock.ts";

export type Reading = {
  /** `Clock.nowMs` */
  readonly monotonicMs: number;
  /** `Clock.wallTime`, as milliseconds. */
  readonly wallMs: number;
};

/** How often one looks. A machine that woke is noticed after as long at most. */
const lookEveryMs = 1_000;

/** Later than this by either clock, and the machine slept. A busy event loop is not taken for sleep. */
const sleptFromMs = 2_500;

/**
 * How long the machine slept between two readings that were meant to be `lookEveryMs` apart; 0 when it did not. Pure.
 *
 * On Linux the monotonic clock stands still meanwhile, so that the wall clock alone is ahead; on macOS Node's goes on,
 * and the timer is late by both. A wall clock that is set forward looks like sleep, which costs one check; one that is
 * set back tells nothing.
 */
export function sleptMs(before: Reading, after: Reading): number {
  const monotonic = after.monotonicMs - before.monotonicMs;
  const wall = after.wallMs - before.wallMs;
  const late = Math.max(monotonic, wall) - lookEveryMs;
  return late >= sleptFromMs ? late : 0;
}

/** Calls `onWoke` each time the machine has slept, until the signal is aborted; then it is done. */
export async function watchForWaking(clock: Clock, onWoke: (ms: number) => void, signal: AbortSignal): Promise<void> {
  let before = read(clock);
  while (!signal.aborted) {
    const isOver = await clock.sleep(lookEveryMs, signal).then(
      () => false,
      () => true,
    );
    if (isOver) return;
    const after = read(clock);
    const ms = sleptMs(before, after);
    before = after;
    if (ms > 0) onWoke(ms);
  }
}

function read(clock: Clock): Reading {
  return { monotonicMs: clock.nowMs(), wallMs: clock.wallTime().getTime() };
}
