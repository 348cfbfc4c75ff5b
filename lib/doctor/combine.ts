import type { DoctorReport, DoctorVerdict, InsideReport } from "#lib/protocol.ts";
import { besideProxy } from "./beside-proxy.ts";
import { explain } from "./control-plane/explain.ts";
import { explainProxy } from "./control-plane/explain-proxy.ts";
import type { AwsReport } from "./control-plane/judge.ts";
import { joinEvidence } from "./join-evidence.ts";
import { describeVerdict, failsOf, traitsOf, type VerdictCode } from "./verdicts.ts";

/** What the other vantages say; absent: they were not asked, or could not be. */
export type Vantages = {
  /** Absent where nothing leads from here to the stage, which has no bastion. */
  readonly here?: DoctorReport;
  readonly vpc?: InsideReport;
  readonly aws?: AwsReport;
};

/**
 * One verdict from three vantages. Pure.
 *
 * 1. Well from both: `ok`. Well here, broken inside: what is broken inside, for the stage's functions are.
 * 2. Broken here, well inside: the path from here; or the login, which is another one inside. Where the certificate differs,
 *    it is another server.
 * 3. Broken from both: the database's own trouble, as it is seen from nearby; unless here it never got so far. Silence
 *    behind a far end got so far, where inside TCP is answered and nothing after it.
 * 4. Where all of that is well, what is broken through the proxy.
 * 5. What AWS says is the root of it, where it explains that; and where it breaks what neither walk takes (`explain`).
 * 6. Where that is the proxy's, and its log was read: what the log says of it (`explainProxy`).
 */
export function combine({ here, vpc, aws }: Vantages): DoctorVerdict {
  const walked = besideProxy(combineWalks(here, vpc), vpc?.proxy);
  const walks = { ...(here === undefined ? {} : { here }), ...(vpc === undefined ? {} : { vpc }) };
  if (aws === undefined) return walked;
  const verdict = explain(walked, walks, aws);
  return aws.proxyLog === undefined ? verdict : explainProxy(verdict, aws.proxyLog);
}

function combineWalks(here: DoctorReport | undefined, vpc: DoctorReport | undefined): DoctorVerdict {
  const only = here ?? vpc;
  if (only === undefined) throw new TypeError("a verdict without a walk");
  if (here === undefined || vpc === undefined) return only.verdict;
  if (wasSkipped(vpc)) return here.verdict;
  const inside = vpc.verdict;
  if (here.verdict.code === "ok") {
    return inside.code === "ok"
      ? here.verdict
      : { ...inside, evidence: `from inside the VPC, ${inside.evidence ?? ""}` };
  }
  // What we may not do is no fault of the stage's, and says nothing of one that is seen from inside.
  if (here.verdict.code === "aws.permission" && inside.code !== "ok") {
    return {
      ...inside,
      evidence: joinEvidence(
        `from inside the VPC, ${inside.evidence ?? ""}`,
        `from here, ${here.verdict.evidence ?? ""}`,
      ),
    };
  }
  // It never logged in, which proves nothing for or against this side.
  if (neverLoggedIn(vpc)) return here.verdict;
  if (inside.code === "ok") {
    const evidence = joinEvidence(here.verdict.evidence, wellInside(here.verdict));
    return isOfAnotherServer(here.verdict.code)
      ? verdictOf("endpoint.wrong-server", evidence)
      : { ...here.verdict, evidence };
  }
  if (here.verdict.code === inside.code) {
    return { ...inside, evidence: joinEvidence(inside.evidence, "the same from here and from inside the VPC") };
  }
  return hasReachedServer(here) || isFrozen(here, vpc)
    ? {
        ...inside,
        evidence: joinEvidence(
          `from inside the VPC, ${inside.evidence ?? ""}`,
          `from here, ${here.verdict.evidence ?? ""}`,
        ),
      }
    : {
        ...here.verdict,
        evidence: joinEvidence(here.verdict.evidence, `from inside the VPC, ${inside.evidence ?? ""}`),
      };
}

/** What it means, for this verdict from here, that inside all is well. */
function wellInside({ code }: DoctorVerdict): string {
  const well = "from inside the VPC everything works";
  const source = traitsOf(code)?.source;
  switch (source) {
    case "login":
    case "limit":
      return "from inside the VPC another role logs in and all works";
    case "way":
    case "server":
    case "tls-mode":
      return `${well}: the path, not the database`;
    case "identity":
    case "caller":
    case "service":
    case "stage":
    // An error of another table: there was no login, and nobody has walked.
    case undefined:
      return well;
    default:
      return source satisfies never;
  }
}

/** These credentials may not ask the function, which is no fault of the stage's. */
function wasSkipped({ verdict, probes }: DoctorReport): boolean {
  return verdict.code === "aws.permission" && probes.every(({ ok }) => ok);
}

/** For want of its secret, or because the function could not be asked at all. */
function neverLoggedIn({ probes }: DoctorReport): boolean {
  const failed = probes.filter(({ ok }) => !ok);
  return failed.length > 0 && failed.every(({ name }) => name === "secret" || name === "inspect");
}

function hasReachedServer({ probes }: DoctorReport): boolean {
  return probes.some(({ name, ok }) => name === "ssl-request" && ok);
}

/**
 * What a certificate earns that is not the stage's. A login that is refused proves no such thing: here it is the role that only
 * reads, inside another one, and what refuses it has shown the right certificate before.
 */
function isOfAnotherServer(code: string): boolean {
  return traitsOf(code)?.source === "identity";
}

/** From here only silence, which inside the database's own listener keeps, too. */
function isFrozen(here: DoctorReport, { verdict, probes }: DoctorReport): boolean {
  const isAccepted = probes.some(({ name, ok }) => name === "tcp" && ok);
  return isSilentFarEnd(here.verdict.code) && verdict.code === "endpoint.silent" && isAccepted;
}

/** A transport that waits for the far end's first byte cannot tell the far end from what stands behind it. */
function isSilentFarEnd(code: string): boolean {
  return failsOf(code) === "stream" && traitsOf(code)?.suspects.includes("way") === true;
}

function verdictOf(code: VerdictCode, evidence: string): DoctorVerdict {
  const { summary, fix } = describeVerdict(code);
  return { code, summary, fix, evidence };
}
