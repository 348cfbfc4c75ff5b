import { isDisturbed } from "../doubt.ts";
import { type Attempt, type Failed, type Failure, failureOf, type StepName, stepNames } from "../evidence.ts";
import type { Findings } from "../findings.ts";
import { isLossy } from "../loss.ts";
import { codeOfFailure, isRefusedAsFull } from "./code-of-failure.ts";

/** Several at a time may meet one of ours that the server is still closing: that is looked at again whatever was said. */
export function isRepeatable({ step, failure }: Failed): boolean {
  return step === "parallel" || mayBeChance(failure);
}

export function mayBeChance(failure: Failure | undefined): boolean {
  const kind = failure?.kind;
  return kind === "timeout" || kind === "ended" || kind === "corrupted" || kind === "limit";
}

/**
 * One that ran out of the time for everything proves neither this nor that, nor does one that our own others kept out: a way
 * with room for two was asked for three at a time. That one fails before the first did, and is refused or ended there; or is
 * left without an answer, while another fails as the first did and nothing was lost.
 */
export function provingOf(repeats: readonly Attempt[], first: Attempt, { step }: Failed): readonly Attempt[] {
  const complete = repeats.filter((attempt) => failureOf(attempt)?.failure.kind !== "out-of-time");
  const agreeing = complete.filter((attempt) => isAlike(attempt, first, step));
  const isClean = [first, ...agreeing].every(({ socket }) => socket !== undefined && !isLossy(socket));
  return complete.filter((attempt) => {
    const failed = failureOf(attempt);
    if (failed === undefined || stepNames.indexOf(failed.step) >= stepNames.indexOf(step)) return true;
    if (isRefusedAsFull(attempt)) return false;
    const { kind } = failed.failure;
    return agreeing.length === 0 || !(kind === "ended" || kind === "errno" || (kind === "timeout" && isClean));
  });
}

/**
 * Silence to the handshake, and to 32 KB where that got through: what is large does not arrive. Where the first got further than
 * another, it may be loss, which makes this side send again.
 */
export function isHole(
  findings: Findings,
  first: Attempt,
  { step, failure }: Failed,
  complete: readonly Attempt[],
): boolean {
  if (failure.kind !== "timeout" || (step !== "tls" && step !== "download")) return false;
  const isLarge = complete.map(failureOf).every((one) => {
    return one?.failure.kind === "timeout" && (one.step === "tls" || one.step === "download");
  });
  const attempts = [first, ...complete];
  const isClean = attempts.every(({ socket }) => socket?.retransmits === 0);
  return isLarge && (step === "tls" || isClean) && attempts.some((one) => isLostDownload(findings, one));
}

/**
 * The step in which all of them failed alike, and in the first one's way; undefined where they differ. `complete`: one at
 * least, of which the first to fail counts.
 */
export function stepOfAll(first: Attempt, failed: Failed, complete: readonly Attempt[]): StepName | undefined {
  const again = complete.find((attempt) => failureOf(attempt) !== undefined);
  if (again === undefined) return undefined;
  // Where we did not run for some of the time, the others may have come further.
  const where = isDisturbed(first) ? laterOf(failed.step, failureOf(again)?.step) : failed.step;
  const isSame =
    complete.every((one) => isAlike(one, again, where)) &&
    (failed.failure.kind !== "limit" || isAlike(first, again, failed.step));
  return isSame ? where : undefined;
}

function isLostDownload(findings: Findings, witness: Attempt): boolean {
  const failed = failureOf(witness);
  return failed?.step === "download" && codeOfFailure(findings, witness, failed) === "path.mtu-down";
}

function laterOf(one: StepName, other: StepName = one): StepName {
  return stepNames.indexOf(other) > stepNames.indexOf(one) ? other : one;
}

function isAlike(oneAttempt: Attempt, otherAttempt: Attempt, step: StepName): boolean {
  const one = failureOf(oneAttempt);
  const other = failureOf(otherAttempt);
  if (one === undefined || one.step !== step || one.failure.kind !== other?.failure.kind) return false;
  if (one.failure.kind !== "limit" || other.failure.kind !== "limit") return true;
  // The first may have found one of ours still being closed.
  return Math.abs(one.failure.worked - other.failure.worked) <= 1;
}
