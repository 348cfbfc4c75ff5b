import type { DoctorVerdict } from "#lib/protocol.ts";
import { describeDoubt, isDisturbed, isDoubtful, longestMs } from "./doubt.ts";
import { type Attempt, type Failure, failureOf, type StepName, stepNames } from "./evidence.ts";
import type { Findings, Ranked } from "./findings.ts";
import { isLossy, losesMany, losesSome } from "./loss.ts";
import { codeOfAlert, codeOfEnd, codeOfErrno } from "./verdict-of-end.ts";
import { codeOfReport, fixOfReport } from "./verdict-of-report.ts";
import { codeOfSilence } from "./verdict-of-silence.ts";
import { describeVerdict, type VerdictCode } from "./verdicts.ts";

/** With a code of the closed union. */
export type Judgement = DoctorVerdict & { readonly code: VerdictCode };

/**
 * From what the probes saw to the one root cause. Pure.
 *
 * 1. The first failed step decides the layer: whatever comes after it was never reached.
 * 2. What one connection proves by itself (a refusal, a certificate, an error of the server's) is taken at once.
 * 3. What may be chance (silence, a reset) counts only if every fresh connection failed in the same step and way. A fresh
 *    one that waited longer and saw more is believed rather than the first.
 * 4. If not, the way loses packets, where the socket shows it or silence suggests it; where the kernel says that nothing
 *    was lost, it is only slow; where we did not run for some of the time, and all went well then, nothing is wrong.
 * 5. Silence in a wait that proves nothing (`doubt.ts`) accuses nobody: that is said, and so is what else it may be.
 * 6. Where the same evidence fits two causes, that is what is said.
 */
export function judge(findings: Findings): Judgement {
  const [first, ...repeats] = findings.attempts;
  if (first === undefined) throw new TypeError("a judgement without an attempt");
  const failed = failureOf(first);
  if (failed === undefined) return judgeWell(first);
  if (!isRepeatable(failed)) return conclude(findings, [first]);

  const complete = provingOf(repeats, first, failed);
  if (complete.length === 0) return conclude(findings, [first], repeats.length > 0);
  const broken = complete.filter((attempt) => failureOf(attempt) !== undefined);
  const [again] = broken;
  if (again === undefined) return passed(findings, first, failed);
  const proven = broken.find((attempt) => !mayBeChance(failureOf(attempt)?.failure));
  if (proven !== undefined) return conclude(findings, [proven]);
  const atHole = complete.filter((attempt) => failureOf(attempt)?.step === "download");
  if (isHole(findings, failed, complete)) return conclude(findings, atHole);
  // Where we did not run for some of the time, the others may have come further.
  const where = isDisturbed(first) ? laterOf(failed.step, failureOf(again)?.step) : failed.step;
  const isSame =
    broken.length === complete.length &&
    broken.every((one) => isAlike(one, again, where)) &&
    (failed.failure.kind !== "limit" || isAlike(first, again, failed.step));
  if (isSame) return conclude(findings, where === failed.step ? [...complete, first] : complete);
  const other = broken.map(failureOf).find((one) => one?.step !== failed.step);
  const otherwise =
    broken.length < complete.length
      ? "a fresh connection got through"
      : `a fresh connection failed ${other === undefined ? "in another way" : `at ${other.step} instead`}`;
  return differs(findings, failed, `${evidenceOf(first)}; ${otherwise}`);
}

/**
 * One that ran out of the time for everything proves neither this nor that, nor does one that our own others kept out: a way
 * with room for two was asked for three at a time. That one fails before the first did, and is refused or ended there; or is
 * left without an answer, while another fails as the first did and nothing was lost.
 */
function provingOf(repeats: readonly Attempt[], first: Attempt, { step }: Failed): readonly Attempt[] {
  const complete = repeats.filter((attempt) => failureOf(attempt)?.failure.kind !== "out-of-time");
  const agreeing = complete.filter((attempt) => isAlike(attempt, first, step));
  const isClean = [first, ...agreeing].every(({ socket }) => socket !== undefined && !isLossy(socket));
  return complete.filter((attempt) => {
    const failed = failureOf(attempt);
    if (failed === undefined || stepNames.indexOf(failed.step) >= stepNames.indexOf(step)) return true;
    if (isRefusedAsFull(failed.failure)) return false;
    const { kind } = failed.failure;
    return agreeing.length === 0 || !(kind === "ended" || kind === "errno" || (kind === "timeout" && isClean));
  });
}

/** Silence to the handshake, and to 32 KB where that got through: what is large does not arrive. */
function isHole(findings: Findings, { step, failure }: Failed, complete: readonly Attempt[]): boolean {
  if (step !== "tls" || failure.kind !== "timeout") return false;
  const failed = complete.map(failureOf);
  const isLarge = failed.every(
    (one) => one?.failure.kind === "timeout" && (one.step === "tls" || one.step === "download"),
  );
  return isLarge && complete.some((witness) => isLostDownload(findings, witness));
}

function isLostDownload(findings: Findings, witness: Attempt): boolean {
  const failed = failureOf(witness);
  return failed?.step === "download" && codeOf(findings, witness, failed.step, failed.failure) === "path.mtu-down";
}

function isRefusedAsFull(failure: Failure): boolean {
  return failure.kind === "refused" && isFull(codeOfReport(failure.report, failure.isPasswordProven));
}

/** Whether further, fresh connections are needed before anything is concluded. */
export function needsRepeat(attempt: Attempt): boolean {
  const failed = failureOf(attempt);
  return failed !== undefined && failed.step !== "dns" && isRepeatable(failed);
}

type Failed = { readonly step: StepName; readonly failure: Failure };

/** Several at a time may meet one of ours that the server is still closing: that is looked at again whatever was said. */
function isRepeatable({ step, failure }: Failed): boolean {
  return step === "parallel" || mayBeChance(failure);
}

function mayBeChance(failure: Failure | undefined): boolean {
  const kind = failure?.kind;
  return kind === "timeout" || kind === "ended" || kind === "corrupted" || kind === "limit";
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

/** Every step passed; how many packets that took is another matter. */
function judgeWell({ socket }: Attempt): Judgement {
  if (socket === undefined || !losesMany(socket)) return judgement("ok");
  const { retransmits, sentSegments } = socket;
  return judgement(
    "path.lossy",
    `everything works, but of ${sentSegments} packets ${retransmits} had to be sent again`,
  );
}

/** The first attempt failed, and all after it got through. */
function passed(findings: Findings, first: Attempt, failed: Failed): Judgement {
  const text = `${evidenceOf(first)}; fresh connections got through`;
  const facts = findings.attempts.map(({ socket }) => socket).filter((socket) => socket !== undefined);
  const isLossyWay = facts.some(isLossy);
  const isClean = facts.length > 0 && !isLossyWay;
  if (failed.failure.kind === "refused") return judgement("ok");
  if (failed.failure.kind === "limit" && isClean) return judgement("ok");
  if (isSilence(failed.failure) && !isLossyWay && isDisturbed(first)) return judgement("ok");
  if (failed.failure.kind === "timeout" && isClean) return judgement("path.slow", text);
  return differs(findings, failed, text);
}

/** Fresh connections fare otherwise. Silence is what loss looks like; a close or a reset is somebody's doing. */
function differs({ attempts }: Findings, { step, failure }: Failed, evidence: string): Judgement {
  if (failure.kind === "timeout" || failure.kind === "limit") {
    const isProven = attempts.some(({ socket }) => socket !== undefined && isLossy(socket));
    if (isProven || !attempts.some(isDoubtful)) return judgement("path.lossy", evidence);
    return ambiguous(`${evidence}; ${describeDoubt(attempts)}`, [
      { code: "path.slow", settle: "run the doctor again when this machine and the server are less busy" },
      { code: "path.lossy", settle: "run the doctor again with --watch, or from another network" },
    ]);
  }
  const code = failure.kind === "ended" ? codeOfEnd(step, failure) : "tls.corrupted";
  return ambiguous(evidence, [
    { code, settle: "look at the log of what listens there, at the time of this run" },
    { code: "path.lossy", settle: "run the doctor again with --watch, or from another network" },
  ]);
}

/** From attempts that all say the same. `isAlone`: others were to say it, too, and had no time to end. */
function conclude(findings: Findings, witnesses: readonly Attempt[], isAlone = false): Judgement {
  const [witness] = witnesses;
  const failed = witness === undefined ? undefined : failureOf(witness);
  if (witness === undefined || failed === undefined) throw new TypeError("a conclusion from nothing");
  const { step, failure } = failed;
  const code = codeOf(findings, witness, step, failure);
  const evidence = evidenceOf(witness);
  const isLate = isAlone || failure.kind === "out-of-time";
  const isDoubted = witnesses.every(isDoubtful) || (isLate && isDisturbed(witness));
  // Bytes that keep coming are no silence, and lost packets were seen.
  const isAccused = failure.kind === "out-of-time" || (code !== "path.slow" && code !== "path.lossy");
  const isChance = isSilence(failure) || (isAlone && step === "parallel");
  if (isChance && isDoubted && isAccused) {
    const accused = typeof code === "string" ? [{ code, settle: calmly }] : code;
    const isNamed = accused.some((one) => one.code === "path.slow");
    const slow = { code: "path.slow", settle: "compare the times of the steps before, on a calm machine" };
    return ambiguous(`${evidence}; ${describeDoubt(witnesses)}`, isNamed ? accused : [...accused, slow]);
  }
  if (typeof code !== "string") return ambiguous(evidence, code);
  const fix = fixOfReport(failure);
  return fix === undefined ? judgement(code, evidence) : { ...judgement(code, evidence), fix };
}

const calmly = "run the doctor again when this machine and the server are less busy";

function isSilence(failure: Failure): boolean {
  const { kind } = failure;
  return kind === "timeout" || kind === "out-of-time" || (kind === "limit" && failure.isSilent);
}

function codeOf(findings: Findings, witness: Attempt, step: StepName, failure: Failure): VerdictCode | Ranked {
  switch (failure.kind) {
    case "timeout":
      return codeOfSilence(findings, { step, longestMs: longestMs(witness), ...failure });
    case "out-of-time":
      return "path.slow";
    case "ended":
      return codeOfEnd(step, failure);
    case "errno":
      return codeOfErrno(step, failure.errno, wasSilent(findings) ? Number.POSITIVE_INFINITY : failure.ms);
    case "alert":
      return codeOfAlert(failure.alert);
    case "corrupted":
      return "tls.corrupted";
    case "stranger":
      return "endpoint.not-postgres";
    case "no-tls":
      return "tls.refused";
    case "certificate":
      return failure.problems[0]?.code ?? "cert.unknown-ca";
    case "refused":
      return codeOfRefusal(step, codeOfReport(failure.report, failure.isPasswordProven));
    case "no-password":
      return "auth.no-password";
    case "impostor":
      return "auth.impostor";
    case "standby":
      return "db.read-only";
    case "no-method":
      return "auth.method";
    case "limit":
      // A close or a reset is no loss.
      return failure.isSilent && findings.attempts.some(({ socket }) => socket !== undefined && losesSome(socket))
        ? "path.lossy"
        : "parallel.limit";
    default:
      return failure satisfies never;
  }
}

/** At first: what a fresh connection is told soon took that long, too. */
function wasSilent({ attempts: [first] }: Findings): boolean {
  return first !== undefined && failureOf(first)?.failure.kind === "timeout";
}

/** One connection worked before: what is full is so only for several. */
function codeOfRefusal(step: StepName, code: VerdictCode): VerdictCode {
  return step === "parallel" && isFull(code) ? "parallel.limit" : code;
}

function isFull(code: VerdictCode): boolean {
  return code === "db.too-many-connections" || code === "proxy.pool-exhausted";
}

function evidenceOf(attempt: Attempt): string {
  const step = attempt.steps.find(({ failure }) => failure !== undefined);
  return step === undefined ? "" : `${step.name}: ${step.detail}`;
}

function judgement(code: VerdictCode, evidence?: string): Judgement {
  const { summary, fix } = describeVerdict(code);
  return { code, summary, fix, ...(evidence === undefined ? {} : { evidence }) };
}

function ambiguous(evidence: string, ranked: Ranked): Judgement {
  return { ...judgement("ambiguous", evidence), ranked };
}
