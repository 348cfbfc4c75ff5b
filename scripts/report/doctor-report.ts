import type { DoctorReport, ProbeReport } from "#lib/protocol.ts";
import { alignColumns, type Style } from "../style.ts";

const vantageNames: Readonly<Record<ProbeReport["vantage"], string>> = {
  here: "from here",
  vpc: "from inside the VPC",
  aws: "by AWS",
};

/** A ladder for each vantage: each step with its time, the broken one marked; then the verdict, what proves it, and the fix. */
export function describeDoctorReport({ verdict, probes, ms, connection }: DoctorReport, style: Style): string {
  const isWell = verdict.code === "ok";
  const headline = `${(isWell ? style.good : style.bad)(verdict.code)}  ${verdict.summary} ${style.dim(`(${ms} ms)`)}`;
  const evidence = verdict.evidence === undefined ? [] : [`${style.dim("seen")}  ${verdict.evidence}`];
  const ranked = (verdict.ranked ?? []).map(({ code, settle }) => `  ${code}: to settle it, ${settle}`);
  const fix = isWell ? [] : [`${style.dim("fix")}   ${verdict.fix}`];
  const works =
    connection === undefined
      ? []
      : [`${style.dim("tls")}   ${connection.text}`, `${style.dim("use")}   ${connection.url}`];
  return [...describeProbes(probes, style), "", headline, ...evidence, ...ranked, ...fix, ...works].join("\n");
}

function describeProbes(probes: readonly ProbeReport[], style: Style): string[] {
  const rows = probes.map(({ name, ok, ms, detail }) => [ok ? "✓" : "✗", name, `${ms} ms`, detail]);
  const hasSeveral = new Set(probes.map(({ vantage }) => vantage)).size > 1;
  return alignColumns(rows).flatMap((line, index) => {
    const { ok, vantage } = probes[index] ?? { ok: false, vantage: "here" };
    const isFirst = probes[index - 1]?.vantage !== vantage;
    const step = ok ? `${style.good("✓")}${line.slice(1)}` : style.bad(line);
    return hasSeveral && isFirst ? [style.dim(vantageNames[vantage]), step] : [step];
  });
}
