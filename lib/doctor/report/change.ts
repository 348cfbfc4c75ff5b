import type { DoctorReport } from "#lib/protocol.ts";

/** Whether two reports tell of something else: another verdict, or other steps that fail. Times and words may differ. */
export function hasChanged(before: DoctorReport, after: DoctorReport): boolean {
  return outcomeOf(before) !== outcomeOf(after);
}

function outcomeOf({ verdict, probes }: DoctorReport): string {
  const failed = probes.filter(({ ok }) => !ok).map(({ vantage, name }) => `${vantage} ${name}`);
  return [verdict.code, ...(verdict.ranked ?? []).map(({ code }) => code), ...failed].join("\n");
}
