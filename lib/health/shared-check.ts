import { type Clock, systemClock } from "#lib/base/clock.ts";

export type SharedCheckOptions = {
  /** How long a result serves everybody who asks. Default 5000. */
  readonly maxAgeMs?: number;
  readonly clock?: Clock;
};

const defaults = Object.freeze({ maxAgeMs: 5000 });

/**
 * Keeps whoever asks, and however often, from loading the database: those who ask while `check` runs share its result,
 * and so do those who ask within `maxAgeMs` of its end. A failure is not kept.
 */
export function shareCheck<Report>(
  check: () => Promise<Report>,
  options: SharedCheckOptions = {},
): () => Promise<Report> {
  const maxAgeMs = options.maxAgeMs ?? defaults.maxAgeMs;
  const clock = options.clock ?? systemClock;
  let last: { readonly report: Report; readonly endedAtMs: number } | undefined;
  let running: Promise<Report> | undefined;

  const run = async (): Promise<Report> => {
    try {
      const report = await check();
      last = { report, endedAtMs: clock.nowMs() };
      return report;
    } finally {
      running = undefined;
    }
  };
  return async () => {
    if (last !== undefined && clock.nowMs() - last.endedAtMs < maxAgeMs) return last.report;
    running ??= run();
    return await running;
  };
}
