import type { DoctorReport, DoctorVerdict, InsideReport } from "#lib/protocol.ts";
import { besideProxy } from "./beside-proxy.ts";
import { explain } from "./control-plane/explain.ts";
import type { AwsReport } from "./control-plane/judge.ts";
import { joinEvidence } from "./join-evidence.ts";
import { describeVerdict, type VerdictCode } from "./verdicts.ts";

/** What the other vantages say; absent: they were not asked, or could not be. */
export type Vantages = {
  /** Absent where nothing leads from here to the stage, which has no bastion. */
  readonly here?: DoctorReport;
  readonly vpc?: InsideReport;
  readonly aws?: AwsReport;
};

/** Codes that a login or a certificate earns: another server would earn another. */
const ofTheServer: ReadonlySet<string> = new Set([
  "auth.rejected",
  "auth.no-login",
  "cert.unknown-ca",
  "cert.wrong-host",
  "db.missing",
]);

/**
 * One verdict from three vantages. Pure.
 *
 * 1. Well from both: `ok`. Well here, broken inside: what is broken inside, for the stage's functions are.
 * 2. Broken here, well inside: the path from here. Where what answers here refuses what the database accepts inside, it is
 *    another server.
 * 3. Broken from both: the database's own trouble, as it is seen from nearby; unless here it never got so far.
 * 4. Where all of that is well, what is broken through the proxy.
 * 5. What AWS says is the root of it, where it explains that; and where it breaks what neither walk takes (`explain`).
 */
export function combine({ here, vpc, aws }: Vantages): DoctorVerdict {
  const walked = besideProxy(combineWalks(here, vpc), vpc?.proxy);
  const walks = { ...(here === undefined ? {} : { here }), ...(vpc === undefined ? {} : { vpc }) };
  return aws === undefined ? walked : explain(walked, walks, aws);
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
    const evidence = joinEvidence(here.verdict.evidence, "from inside the VPC everything works");
    return ofTheServer.has(here.verdict.code)
      ? verdictOf("endpoint.wrong-server", evidence)
      : {
          ...here.verdict,
          evidence: isAnswer(here.verdict) ? evidence : `${evidence}: the path, not the database`,
        };
  }
  if (here.verdict.code === inside.code) {
    return { ...inside, evidence: joinEvidence(inside.evidence, "the same from here and from inside the VPC") };
  }
  return hasReachedServer(here)
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

/** The database's own answer to this login, or AWS's to us: no path gives it. */
function isAnswer({ code }: DoctorVerdict): boolean {
  return code.startsWith("db.") || code.startsWith("aws.");
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

function verdictOf(code: VerdictCode, evidence: string): DoctorVerdict {
  const { summary, fix } = describeVerdict(code);
  return { code, summary, fix, evidence };
}
