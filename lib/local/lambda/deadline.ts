import type { Clock } from "#lib/base/clock.ts";

export const late: unique symbol = Symbol("late");
type Late = typeof late;

/** Something to race against. */
export type Deadline = {
  readonly promise: Promise<Late>;
  /** Call it when the race is over: a timer that runs on would keep the process. */
  readonly cancel: () => void;
};

export const never: Deadline = { promise: new Promise<Late>(() => {}), cancel: () => {} };

/** Resolves to `late` after `ms`, unless cancelled. */
export function after(clock: Clock, ms: number): Deadline {
  const controller = new AbortController();
  const promise = clock.sleep(ms, controller.signal).then<Late, Late>(
    () => late,
    () => never.promise,
  );
  return { promise, cancel: () => controller.abort() };
}
