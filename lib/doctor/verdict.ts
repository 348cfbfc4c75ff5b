import type { DoctorVerdict } from "#lib/protocol.ts";
import { type Attempt, type Failure, failureOf, type SocketFacts, type StepName } from "./evidence.ts";
import { codeOfReport } from "./verdict-of-report.ts";
import { describeVerdict, type VerdictCode } from "./verdicts.ts";

/** With a code of the closed union. */
export type Judgement = DoctorVerdict & { readonly code: VerdictCode };

export type Findings = {
  /** The first walk; where it failed in what may be chance, further ones over fresh connections, with more patience. */
  readonly attempts: readonly Attempt[];
  /** Whether a small handshake that only earns an alert of a few bytes got one, where the real one got nothing. */
  readonly isTinyReplyAnswered?: boolean;
  /** Whether small packets went up on a fresh connection, where 32 KB did not. */
  readonly isSmallUploadAnswered?: boolean;
};

/**
 * From what the probes saw to the one root cause. Pure.
 *
 * 1. The first failed step decides the layer: whatever comes after it was never reached.
 * 2. What one connection proves by itself (a refusal, a certificate, an error of the server's) is taken at once.
 * 3. What may be chance (silence, a reset) counts only if every fresh connection failed in the same step and way. A fresh
 *    one that waited longer and saw more is believed rather than the first.
 * 4. If not, the way loses packets, where the socket shows it or silence suggests it; where the kernel says that nothing
 *    was lost, it is only slow.
 * 5. Where the same evidence fits two causes, that is what is said.
 */
export function judge(findings: Findings): Judgement {
  const [first, ...repeats] = findings.attempts;
  if (first === undefined) throw new TypeError("a judgement without an attempt");
  const failed = failureOf(first);
  if (failed === undefined) return judgement("ok");
  const evidence = evidenceOf(first);
  if (!isRepeatable(failed)) return conclude(findings, failed, evidence);

  // One that ran out of the time for everything proves neither this nor that.
  const complete = repeats.filter((attempt) => failureOf(attempt)?.failure.kind !== "out-of-time");
  const seen = complete.map(failureOf).filter((one) => one !== undefined);
  const proven = seen.find(({ failure }) => !mayBeChance(failure));
  if (proven !== undefined) return conclude(findings, proven, evidenceOf(complete.find((one) => failureOf(one))));
  const [again] = seen;
  if (complete.length === 0 || again === undefined) {
    return complete.length === 0 ? conclude(findings, failed, evidence) : passed(findings, failed, evidence);
  }
  const isSame =
    seen.length === complete.length &&
    seen.every((one) => isAlike(one, again, failed.step)) &&
    (failed.failure.kind !== "limit" || isAlike(failed, again, failed.step));
  if (isSame) return conclude(findings, again, evidenceOf(complete[0]));
  const other = seen.find(({ step }) => step !== failed.step);
  const otherwise =
    seen.length < complete.length
      ? "a fresh connection got through"
      : `a fresh connection failed ${other === undefined ? "in another way" : `at ${other.step} instead`}`;
  return differs(failed, `${evidence}; ${otherwise}`);
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

function mayBeChance({ kind }: Failure): boolean {
  return kind === "timeout" || kind === "ended" || kind === "corrupted" || kind === "limit";
}

function isAlike(one: Failed, other: Failed, step: StepName): boolean {
  if (one.step !== step || one.failure.kind !== other.failure.kind) return false;
  if (one.failure.kind !== "limit" || other.failure.kind !== "limit") return true;
  // The first may have found one of ours still being closed.
  return Math.abs(one.failure.worked - other.failure.worked) <= 1;
}

/** The first attempt failed, and all after it got through. */
function passed({ attempts }: Findings, failed: Failed, evidence: string): Judgement {
  const text = `${evidence}; fresh connections got through`;
  const facts = attempts.map(({ socket }) => socket).filter((socket) => socket !== undefined);
  const isClean = facts.length > 0 && !facts.some(isLossy);
  if (failed.failure.kind === "refused") return judgement("ok");
  if (failed.failure.kind === "limit" && isClean) return judgement("ok");
  if (failed.failure.kind === "timeout" && isClean) return judgement("path.slow", text);
  return differs(failed, text);
}

/** Fresh connections fare otherwise. Silence is what loss looks like; a close or a reset is somebody's doing. */
function differs({ step, failure }: Failed, evidence: string): Judgement {
  if (failure.kind === "timeout" || failure.kind === "limit") return judgement("path.lossy", evidence);
  const code = failure.kind === "ended" ? codeOfEnd(step, failure) : "tls.corrupted";
  return {
    ...judgement("ambiguous", evidence),
    ranked: [
      { code, settle: "look at the log of what listens there, at the time of this run" },
      { code: "path.lossy", settle: "run the doctor again with --watch, or from another network" },
    ],
  };
}

function isLossy({ retransmits, hasOutOfOrder }: SocketFacts): boolean {
  return retransmits > 0 || hasOutOfOrder;
}

function conclude(findings: Findings, { step, failure }: Failed, evidence: string): Judgement {
  const code = codeOf(findings, step, failure);
  if (typeof code === "string") return judgement(code, evidence);
  return { ...judgement("ambiguous", evidence), ranked: code };
}

type Ranked = NonNullable<Judgement["ranked"]>;

function codeOf(findings: Findings, step: StepName, failure: Failure): VerdictCode | Ranked {
  switch (failure.kind) {
    case "timeout":
      return codeOfSilence(findings, step, failure);
    case "out-of-time":
      return "path.slow";
    case "ended":
      return codeOfEnd(step, failure);
    case "errno":
      return codeOfErrno(step, failure.errno, failure.ms);
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
    case "impostor":
      return "auth.impostor";
    case "standby":
      return "db.read-only";
    case "no-method":
      return "auth.method";
    case "limit":
      // A close or a reset is no loss.
      return failure.isSilent && findings.attempts.some(({ socket }) => socket !== undefined && isLossy(socket))
        ? "path.lossy"
        : "parallel.limit";
    default:
      return failure satisfies never;
  }
}

/** One connection worked before: what is full is so only for several. */
function codeOfRefusal(step: StepName, code: VerdictCode): VerdictCode {
  const isFull = code === "db.too-many-connections" || code === "proxy.pool-exhausted";
  return step === "parallel" && isFull ? "parallel.limit" : code;
}

/** Bytes that come so long after a step began, when an answer is there at once or not at all, are still coming. */
const movingMs = 600;

function codeOfSilence(
  findings: Findings,
  step: StepName,
  { lastBytesMs }: Extract<Failure, { kind: "timeout" }>,
): VerdictCode | Ranked {
  if (lastBytesMs !== undefined && lastBytesMs > movingMs) return "path.slow";
  const hasBytes = lastBytesMs !== undefined;
  const facts = findings.attempts
    .filter((attempt) => failureOf(attempt)?.step === step)
    .map(({ socket }) => socket)
    .filter((socket) => socket !== undefined);
  const isHoleProven = facts.length > 0 && facts.every(({ hasOutOfOrder }) => hasOutOfOrder);
  const isUnacked = facts.length > 0 && facts.every(({ unackedBytes }) => unackedBytes > 0);
  switch (step) {
    case "dns":
      return "dns.unavailable";
    case "tcp":
      return "tcp.timeout";
    case "ssl-request":
      return "endpoint.silent";
    case "tls":
      if (isHoleProven) return "path.mtu-down";
      if (isUnacked) return findings.isTinyReplyAnswered === true ? "path.mtu-up" : "path.flow-cut";
      return findings.isTinyReplyAnswered === true && !hasBytes ? "path.mtu-down" : "tls.stalled";
    case "certificate":
    case "startup":
      return isUnacked ? "path.flow-cut" : "startup.stalled";
    case "auth":
      return isUnacked ? "path.flow-cut" : "auth.stalled";
    case "ready":
      return isUnacked ? "path.flow-cut" : "proxy.pool-exhausted";
    case "query":
      return isUnacked || hasBytes ? "path.flow-cut" : "proxy.pool-exhausted";
    case "download":
      if (isHoleProven) return "path.mtu-down";
      // A small reply has just come over this connection: no pool has to be waited for.
      return isUnacked || hasBytes ? "path.flow-cut" : "path.mtu-down";
    case "upload":
      if (isUnacked) {
        const isBegun = facts.some(({ ackedInStepBytes }) => ackedInStepBytes > 0);
        return isBegun || findings.isSmallUploadAnswered === false ? "path.flow-cut" : "path.mtu-up";
      }
      return [
        { code: "path.flow-cut", settle: "look for what stands between here and the server, and took the bytes" },
        { code: "path.mtu-up", settle: "run the doctor on the other side of the tunnel or balancer" },
      ];
    case "parallel":
      return "parallel.limit";
    case "hold":
      return "idle.silent";
    default:
      return step satisfies never;
  }
}

function codeOfEnd(step: StepName, { how }: Extract<Failure, { kind: "ended" }>): VerdictCode {
  const isReset = how === "reset";
  switch (step) {
    case "dns":
    case "tcp":
    case "ssl-request":
      return isReset ? "endpoint.reset" : "endpoint.closed";
    case "tls":
    case "certificate":
      return isReset ? "tls.reset" : "tls.closed";
    case "startup":
      return isReset ? "startup.reset" : "startup.closed";
    case "auth":
    case "ready":
      return "auth.closed";
    case "query":
    case "download":
    case "upload":
      return "path.cut";
    case "parallel":
      return "parallel.limit";
    case "hold":
      return isReset ? "idle.reset" : "idle.closed";
    default:
      return step satisfies never;
  }
}

/** A host on the own network that does not answer for its address takes seconds; a router refuses at once. */
const atOnceMs = 1000;

function codeOfErrno(step: StepName, errno: string, ms: number): VerdictCode {
  if (step === "dns") return errno === "ENOTFOUND" || errno === "ENODATA" ? "dns.not-found" : "dns.unavailable";
  switch (errno) {
    case "ECONNREFUSED":
      return "tcp.refused";
    case "EHOSTUNREACH":
      return ms > atOnceMs ? "tcp.host-down" : "route.unreachable";
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
    // A route of kind `prohibit`, and this machine's own firewall.
    case "EACCES":
    case "EPERM":
      return "route.unreachable";
    case "EINVAL":
      return "route.local-blackhole";
    case "ECONNRESET":
      return "endpoint.reset";
    default:
      return "tcp.timeout";
  }
}

/** @see https://www.iana.org/assignments/tls-parameters/tls-parameters.xhtml#tls-parameters-6 */
function codeOfAlert(alert: number): VerdictCode {
  if (alert === 40 || alert === 71) return "tls.no-common-cipher";
  if (alert === 70) return "tls.version";
  if (alert === 112) return "tls.unknown-name";
  return "tls.closed";
}

function evidenceOf(attempt: Attempt | undefined): string {
  const step = attempt?.steps.find(({ failure }) => failure !== undefined);
  return step === undefined ? "" : `${step.name}: ${step.detail}`;
}

function judgement(code: VerdictCode, evidence?: string): Judgement {
  const { summary, fix } = describeVerdict(code);
  return { code, summary, fix, ...(evidence === undefined ? {} : { evidence }) };
}
