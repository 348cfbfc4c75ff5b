import type { ReportTarget } from "#lib/doctor/report/target.ts";
import { describeVerdict, type VerdictCode } from "#lib/doctor/verdicts.ts";
import type { DoctorReport, ProbeReport } from "#lib/protocol.ts";

export const url: ReportTarget = { name: "app at db.example", host: "db.example", port: 5432, isStage: false };
export const stage: ReportTarget = {
  name: "stage dev",
  host: "db.internal",
  port: 5432,
  transport: "ssm",
  region: "eu-central-1",
  isStage: true,
};

type Vantage = ProbeReport["vantage"];

/** Steps that passed; the last one failed where its name begins with an exclamation mark. */
export function steps(vantage: Vantage, names: string, more: Partial<ProbeReport> = {}): ProbeReport[] {
  const step = (name: string, index: number): ProbeReport => ({
    vantage,
    name: name.replace("!", ""),
    ok: !name.startsWith("!"),
    ms: index + 1,
    detail: name === "transport" ? "db.internal:5432 through i-0123456789abcdef0" : `of ${name.replace("!", "")}`,
    ...more,
  });
  return names.split(" ").map(step);
}

export const whole = "dns tcp ssl-request tls certificate startup auth ready query download upload parallel";

export function report(code: VerdictCode, ...probes: readonly ProbeReport[][]): DoctorReport {
  const { summary, fix } = describeVerdict(code);
  return { verdict: { code, summary, fix, evidence: "what was seen" }, probes: probes.flat(), ms: 42 };
}
