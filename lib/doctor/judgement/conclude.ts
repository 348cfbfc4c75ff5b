import { describeDoubt, isDisturbed, isDoubtful } from "../doubt.ts";
import { type Attempt, type Failed, type Failure, failureOf } from "../evidence.ts";
import type { Findings } from "../findings.ts";
import { isLossy } from "../loss.ts";
import { codeOfEnd } from "./code-of-end.ts";
import { codeOfFailure } from "./code-of-failure.ts";
import { ambiguous, evidenceOf, type Judgement, judgement } from "./judgement.ts";
import { orSlow, ownOrLossy, slowOrLossy } from "./ranking.ts";
import { wordsOfFailure } from "./words-of-failure.ts";

/** From attempts that all say the same. `isAlone`: others were to say it, too, and had no time to end. */
export function conclude(findings: Findings, witnesses: readonly Attempt[], isAlone = false): Judgement {
  const [witness] = witnesses;
  const failed = witness === undefined ? undefined : failureOf(witness);
  if (witness === undefined || failed === undefined) throw new TypeError("a conclusion from nothing");
  const { step, failure } = failed;
  const code = codeOfFailure(findings, witness, failed);
  const evidence = evidenceOf(witness);
  const isLate = isAlone || failure.kind === "out-of-time";
  const isDoubted = witnesses.every(isDoubtful) || (isLate && isDisturbed(witness));
  // Bytes that keep coming are no silence, and lost packets were seen.
  const isAccused = failure.kind === "out-of-time" || (code !== "path.slow" && code !== "path.lossy");
  const isChance = isSilence(failure) || (isAlone && step === "parallel");
  if (isChance && isDoubted && isAccused) return ambiguous(`${evidence}; ${describeDoubt(witnesses)}`, orSlow(code));
  if (typeof code !== "string") return ambiguous(evidence, code);
  return { ...judgement(code, evidence), ...wordsOfFailure(findings, witness, failure, code) };
}

/** From a first attempt that failed, where all after it got through. */
export function concludePassed(findings: Findings, first: Attempt, failed: Failed): Judgement {
  const text = `${evidenceOf(first)}; fresh connections got through`;
  const facts = findings.attempts.map(({ socket }) => socket).filter((socket) => socket !== undefined);
  const isLossyWay = facts.some(isLossy);
  const isClean = facts.length > 0 && !isLossyWay;
  if (failed.failure.kind === "refused") return judgement("ok");
  if (failed.failure.kind === "limit" && isClean) return judgement("ok");
  if (isSilence(failed.failure) && !isLossyWay && isDisturbed(first)) return judgement("ok");
  if (failed.failure.kind === "timeout" && isClean) return judgement("path.slow", text);
  return concludeOtherwise(findings, failed, text);
}

/** Fresh connections fare otherwise. Silence is what loss looks like; a close or a reset is somebody's doing. */
export function concludeOtherwise({ attempts }: Findings, { step, failure }: Failed, evidence: string): Judgement {
  if (failure.kind === "timeout" || failure.kind === "limit") {
    const isProven = attempts.some(({ socket }) => socket !== undefined && isLossy(socket));
    if (isProven || !attempts.some(isDoubtful)) return judgement("path.lossy", evidence);
    return ambiguous(`${evidence}; ${describeDoubt(attempts)}`, slowOrLossy);
  }
  const code = failure.kind === "ended" ? codeOfEnd(step, failure) : "tls.corrupted";
  return ambiguous(evidence, ownOrLossy(code));
}

function isSilence(failure: Failure): boolean {
  const { kind } = failure;
  return kind === "timeout" || kind === "out-of-time" || (kind === "limit" && failure.isSilent);
}
