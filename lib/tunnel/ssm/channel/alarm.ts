import type { Clock } from "#lib/base/clock.ts";

/** One timer that is set again and again. */
export type Alarm = Disposable & {
  /** Rings at that time, or before: whoever is called looks for itself whether it is time. Undefined: no matter. */
  readonly ringBy: (atMs: number | undefined) => void;
};

/** `onRing` is called without a timer set. */
export function createAlarm(clock: Clock, onRing: () => void): Alarm {
  let current: { readonly atMs: number; readonly abort: AbortController } | undefined;

  async function ring(mine: typeof current & {}): Promise<void> {
    await clock.sleep(Math.max(0, mine.atMs - clock.nowMs()), mine.abort.signal).catch(() => undefined);
    if (current !== mine) return;
    current = undefined;
    onRing();
  }

  return {
    ringBy: (atMs) => {
      if (atMs === undefined || (current !== undefined && current.atMs <= atMs)) return;
      current?.abort.abort();
      current = { atMs, abort: new AbortController() };
      void ring(current);
    },
    [Symbol.dispose]: () => {
      current?.abort.abort();
      current = undefined;
    },
  };
}
