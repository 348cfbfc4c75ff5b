import type { DoctorReport } from "#lib/protocol.ts";
import { alignColumns, type Style } from "../style.ts";

/** The ladder: each step with its time, the broken one marked; then the verdict, what proves it, and the fix. */
export function describeDoctorReport({ verdict, probes, ms }: DoctorReport, style: Style): string {
  const rows = probes.map(({ name, ok, ms: stepMs, detail }) => [ok ? "✓" : "✗", name, `${stepMs} ms`, detail]);
  const ladder = alignColumns(rows).map((line, index) => {
    const isOk = probes[index]?.ok === true;
    return isOk ? `${style.good("✓")}${line.slice(1)}` : style.bad(line);
  });
  const isWell = verdict.code === "ok";
  const headline = `${(isWell ? style.good : style.bad)(verdict.code)}  ${verdict.summary} ${style.dim(`(${ms} ms)`)}`;
  const evidence = verdict.evidence === undefined ? [] : [`${style.dim("seen")}  ${verdict.evidence}`];
  const ranked = (verdict.ranked ?? []).map(({ code, settle }) => `  ${code}: to settle it, ${settle}`);
  const fix = isWell ? [] : [`${style.dim("fix")}   ${verdict.fix}`];
  return [...ladder, "", headline, ...evidence, ...ranked, ...fix].join("\n");
}
