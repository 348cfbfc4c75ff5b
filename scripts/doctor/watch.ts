import type { Clock } from "#lib/base/clock.ts";
import { toPosternError } from "#lib/base/errors.ts";
import { hasChanged } from "#lib/doctor/report/change.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import type { Output } from "../output.ts";

export type WatchOptions = {
  readonly intervalMs: number;
  /** One examination, which leaves nothing open. */
  readonly look: () => Promise<DoctorReport>;
  /** Shows the first report. */
  readonly showReport: (report: DoctorReport, at: Date) => Promise<void>;
  /** Shows one that differs from the last. */
  readonly showChange: (from: DoctorReport, to: DoctorReport, at: Date) => Promise<void>;
  readonly output: Pick<Output, "status">;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

/**
 * Looks again and again, until the signal:
 *
 * 1. Look, and show it all.
 * 2. Rest for the interval, from the end of one look to the beginning of the next. Nothing is open meanwhile, and however bad it
 *    is, the interval stays: who watches waits for the moment when it is well.
 * 3. Look again. What cannot be looked at any more is a finding, too. Show what changed, or nothing.
 */
export async function watchReports(options: WatchOptions): Promise<void> {
  const { intervalMs, look, showReport, showChange, output, clock, signal } = options;
  let last = await look();
  let since = clock.wallTime();
  await showReport(last, since);
  for (let looks = 1; !signal.aborted; looks += 1) {
    const next = new Date(clock.wallTime().getTime() + intervalMs);
    output.status(
      // A narrow terminal cuts the end off.
      `${last.verdict.code} since ${timeOf(since)}, next look ${timeOf(next)} UTC · ${looks} so far · Ctrl-C ends it`,
    );
    await clock.sleep(intervalMs, signal).catch(() => {});
    const found = signal.aborted ? undefined : await lookOrSayWhy(look, signal);
    if (found === undefined) break;
    if (!hasChanged(last, found)) continue;
    since = clock.wallTime();
    await showChange(last, found, since);
    last = found;
  }
  output.status("");
}

function timeOf(date: Date): string {
  return date.toISOString().slice(11, 19);
}

/** Undefined once it was stopped. */
async function lookOrSayWhy(look: WatchOptions["look"], signal: AbortSignal): Promise<DoctorReport | undefined> {
  try {
    return await look();
  } catch (error) {
    if (signal.aborted) return undefined;
    const { code, message, hint = "See the message." } = toPosternError(error);
    // A defect is none of the network's.
    if (code === "internal") throw error;
    return {
      verdict: { code, summary: message, fix: hint, evidence: `stage: ${message}` },
      probes: [{ name: "stage", vantage: "here", ok: false, ms: 0, detail: message }],
      ms: 0,
    };
  }
}
