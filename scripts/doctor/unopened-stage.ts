import { PosternError } from "#lib/base/errors.ts";
import { describeVerdict, type VerdictCode } from "#lib/doctor/verdicts.ts";
import type { DoctorReport } from "#lib/protocol.ts";

/** Why AWS does not say what the stage is: who we are, or what we may do. The stage has nothing to do with it. */
const ownFaults: readonly VerdictCode[] = ["aws.credentials", "aws.clock-skew", "aws.permission"];

/**
 * A stage whose manifest AWS does not give us is a finding: somebody asked what is broken, and this is. That there is no such
 * stage, or that a flag is wrong, is an error as anywhere else.
 */
export function reportUnopened(error: unknown, ms: number): DoctorReport {
  const code = error instanceof PosternError ? ownFaults.find((one) => one === error.code) : undefined;
  if (code === undefined || !(error instanceof PosternError)) throw error;
  const { summary, fix } = describeVerdict(code);
  const { message, hint } = error;
  return {
    verdict: { code, summary, fix: hint ?? fix, evidence: `manifest: ${message}` },
    probes: [{ name: "manifest", vantage: "aws", ok: false, ms, detail: message }],
    ms,
  };
}
