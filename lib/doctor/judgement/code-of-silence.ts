import { failureOf, type SocketFacts, type StepName } from "../evidence.ts";
import type { Findings, Ranked } from "../findings.ts";
import type { VerdictCode } from "../verdicts.ts";
import { lostUpload } from "./ranking.ts";

export type Silence = {
  readonly step: StepName;
  /** The longest of the steps before it. */
  readonly longestMs: number;
  /** How long the silent step was waited for. */
  readonly waitedMs: number;
  /** Some bytes came, the last of them so long after the step began. */
  readonly lastBytesMs?: number;
};

/** What silence in this step means, by what the kernel knows of the sockets, and by what smaller packets earned. */
export function codeOfSilence(findings: Findings, silence: Silence): VerdictCode | Ranked {
  const { step, lastBytesMs } = silence;
  if (isMoving(silence)) return "path.slow";
  const hasBytes = lastBytesMs !== undefined;
  const facts = factsOf(findings, step);
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
      return isUnacked ? codeOfUnackedUpload(findings, facts) : lostUpload;
    case "parallel":
      return "parallel.limit";
    case "hold":
      return "idle.silent";
    default:
      return step satisfies never;
  }
}

/**
 * An answer is there at once or not at all: bytes that come so late, by the way's own pace, too, are still coming. So are those
 * that come near the end of the wait, on a slow way.
 */
const movingMs = 600;
const pace = 2;
const lateShare = 0.75;

function isMoving({ lastBytesMs, longestMs, waitedMs }: Silence): boolean {
  return (
    lastBytesMs !== undefined && lastBytesMs > Math.max(movingMs, Math.min(pace * longestMs, lateShare * waitedMs))
  );
}

function factsOf({ attempts }: Findings, step: StepName): readonly SocketFacts[] {
  return attempts
    .filter((attempt) => failureOf(attempt)?.step === step)
    .map(({ socket }) => socket)
    .filter((socket) => socket !== undefined);
}

function codeOfUnackedUpload({ isSmallUploadAnswered }: Findings, facts: readonly SocketFacts[]): VerdictCode {
  const isBegun = facts.some(({ ackedInStepBytes }) => ackedInStepBytes > 0);
  return isBegun || isSmallUploadAnswered === false ? "path.flow-cut" : "path.mtu-up";
}
