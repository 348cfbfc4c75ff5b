import { PosternError } from "#lib/base/errors.ts";
import { describeVerdict, isVerdictCode, traitsOf } from "#lib/doctor/verdicts.ts";
import type { DoctorReport } from "#lib/protocol.ts";

/**
 * A stage whose manifest AWS does not give us is a finding: somebody asked what is broken, and this is. That there is no such
 * stage, or that a flag is wrong, is an error as anywhere else.
 */
export function reportUnopened(error: unknown, ms: number): DoctorReport {
  if (!(error instanceof PosternError)) throw error;
  const { code } = error;
  // Who we are, or what we may do: the stage has nothing to do with it.
  if (!isVerdictCode(code) || traitsOf(code)?.source !== "caller") throw error;
  const { summary, fix } = describeVerdict(code);
  const { message, hint } = error;
  return {
    verdict: { code, summary, fix: hint ?? fix, evidence: `manifest: ${message}` },
    probes: [{ name: "manifest", vantage: "aws", ok: false, ms, detail: message }],
    ms,
  };
}
