import { longestMs } from "../doubt.ts";
import { type Attempt, type Failed, failureOf, type StepName } from "../evidence.ts";
import type { Findings, Ranked } from "../findings.ts";
import { losesSome } from "../loss.ts";
import type { VerdictCode } from "../verdicts.ts";
import { codeOfAlert, codeOfEnd, codeOfErrno, codeOfTlsError } from "./code-of-end.ts";
import { explainRefusal } from "./code-of-report.ts";
import { codeOfSilence } from "./code-of-silence.ts";

/** What it means that a step failed so; ranked where that fits more than one cause. */
export function codeOfFailure(findings: Findings, witness: Attempt, { step, failure }: Failed): VerdictCode | Ranked {
  switch (failure.kind) {
    case "timeout":
      return codeOfSilence(findings, {
        step,
        longestMs: longestMs(witness),
        waitedMs: witness.steps.find(({ name }) => name === step)?.ms ?? 0,
        ...failure,
      });
    case "out-of-time":
      return "path.slow";
    case "ended":
      return codeOfEnd(step, failure);
    case "errno":
      return codeOfErrno(step, failure.errno, wasSilent(findings) ? Number.POSITIVE_INFINITY : failure.ms);
    case "alert":
      return codeOfAlert(failure.alert);
    case "corrupted":
      return codeOfTlsError(failure.text);
    case "stranger":
      return "endpoint.not-postgres";
    case "no-tls":
      return "tls.refused";
    case "certificate":
      return failure.problems[0]?.code ?? "cert.unknown-ca";
    case "refused":
      return codeOfRefusal(step, explainRefusal(findings, witness, failure).code);
    case "no-password":
      return "auth.no-password";
    case "impostor":
      return "auth.impostor";
    case "standby":
      return "db.read-only";
    case "no-method":
    case "client-certificate":
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

/** Somebody said in words that nothing is left for one more connection. */
export function isRefusedAsFull(attempt: Attempt): boolean {
  const failure = failureOf(attempt)?.failure;
  return failure?.kind === "refused" && isFull(explainRefusal({}, attempt, failure).code);
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
