import type { Clock } from "#lib/base/clock.ts";

export type Reading = {
  /** `Clock.nowMs` */
  readonly monotonicMs: number;
  /** `Clock.wallTime`, as milliseconds. */
  readonly wallMs: number;
};

/** How often one looks. A machine that woke is noticed after as long at most. */
const lookEveryMs = 1_000;

/** The wall clock went on alone for so long: the machine slept. */
const aloneFromMs = 2_500;
/** Both went on, and a timer is late by so much. A busy event loop is not taken for sleep as soon. */
const lateFromMs = 5_000;

/**
 * How long the machine slept between two readings that were meant to be `lookEveryMs` apart; 0 when it did not. Pure.
 *
 * On Linux the monotonic clock stands still meanwhile, so that the wall clock is ahead; on macOS Node's goes on, as it does
 * for a process that was stopped (Ctrl-Z), and the timer is late. A wall clock that is set forward looks like sleep, which
 * costs one check; one that is set back tells nothing.
 */
export function sleptMs(before: Reading, after: Reading): number {
  const monotonic = after.monotonicMs - before.monotonicMs;
  const alone = after.wallMs - before.wallMs - monotonic;
  if (alone >= aloneFromMs) return alone;
  const late = monotonic - lookEveryMs;
  return late >= lateFromMs ? late : 0;
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
