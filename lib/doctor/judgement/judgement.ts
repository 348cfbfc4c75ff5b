import type { DoctorVerdict } from "#lib/protocol.ts";
import type { Attempt } from "../evidence.ts";
import type { Ranked } from "../findings.ts";
import { describeVerdict, type VerdictCode } from "../verdicts.ts";

/** A verdict with a code of the closed union. */
export type Judgement = DoctorVerdict & { readonly code: VerdictCode };

export function judgement(code: VerdictCode, evidence?: string): Judgement {
  const { summary, fix } = describeVerdict(code);
  return { code, summary, fix, ...(evidence === undefined ? {} : { evidence }) };
}

export function ambiguous(evidence: string, ranked: Ranked): Judgement {
  return { ...judgement("ambiguous", evidence), ranked };
}

/** What was seen of the step that failed; "" where none did. */
export function evidenceOf(attempt: Attempt): string {
  const step = attempt.steps.find(({ failure }) => failure !== undefined);
  return step === undefined ? "" : `${step.name}: ${step.detail}`;
}
