import type { DoctorReport, DoctorVerdict, InsideReport } from "#lib/protocol.ts";
import { joinEvidence } from "../join-evidence.ts";
import { describeVerdict, traitsOf } from "../verdicts.ts";
import { isSilentSecret, settleWayOut } from "../way-out.ts";
import type { Broken, Finding } from "./finding.ts";
import type { AwsReport } from "./judge.ts";

/** Absent: not taken. */
export type Walks = { readonly here?: DoctorReport; readonly vpc?: InsideReport };

/** What breaks a stage although both walks pass by it. */
const unwalked: ReadonlySet<Broken> = new Set(["way-out", "others-to-database", "writes", "proxy"]);

/** What nobody sees beside who may begin no session. */
const unseen: ReadonlySet<Broken> = new Set([...unwalked, "tunnel", "bastion-to-database"]);

/**
 * The verdict of the walks, in the light of what AWS says. Pure.
 *
 * 1. The walks failed: the first finding that breaks what they saw broken is the root. Without one the walks' verdict stays,
 *    with what AWS says beside, or what it could not be asked; a secret without an answer is settled as far as that goes.
 * 2. There was none from here, because these credentials may not: whatever AWS finds broken on that way comes before that.
 * 3. They passed: a finding that breaks what no walk takes is the verdict. Any other is contradicted by the walks, and no
 *    more than a warning.
 */
export function explain(walked: DoctorVerdict, walks: Walks, aws: AwsReport): DoctorVerdict {
  const { findings, unknown } = aws;
  const { vpc } = walks;
  if (walked.code === "ok") {
    // Whoever has just been through the proxy knows better than its last check.
    const isPassed = (one: Broken) => one === "proxy" && vpc?.proxy?.verdict.code === "ok";
    const root = findings.find(({ breaks }) => breaks.some((one) => unwalked.has(one) && !isPassed(one)));
    return root === undefined ? walked : toVerdict(root, "the database itself answers all the same");
  }
  const isBlind = walked.code === "aws.permission" && walks.here?.verdict.code !== "ok";
  const seen = isBlind ? unseen : whatIsBroken(walked, walks);
  // An agent has no part in SSH.
  const isElsewhere = (code: string) => code === "aws.agent-offline" && walked.code.startsWith("ssh.");
  const root = findings.find((one) => !isElsewhere(one.code) && one.breaks.some((broken) => seen.has(broken)));
  if (root !== undefined) return toVerdict(root, describeWalks(walks));
  const verdict = isSilentSecret(walked) ? settleWayOut(walked, aws) : walked;
  const notes = [
    ...findings.slice(0, 1).map(({ evidence }) => `beside that, AWS says: ${evidence}`),
    ...(seen.size === 0 ? [] : unknown.map(({ because }) => `not looked at: ${because}`)),
  ];
  return notes.length === 0 ? verdict : { ...verdict, evidence: joinEvidence(verdict.evidence, ...new Set(notes)) };
}

/** From the walk that the verdict is of; from both, where they agree. */
function whatIsBroken({ code, ranked = [] }: DoctorVerdict, { here, vpc }: Walks): ReadonlySet<Broken> {
  const codes = [code, ...ranked.map((one) => one.code)];
  const isOf = (report: DoctorReport | undefined) => report?.verdict.code === code;
  const ofHere = isOf(here) ? codes.flatMap((one) => brokenBy(one, "bastion-to-database")) : [];
  const ofVpc = isOf(vpc) ? codes.flatMap((one) => brokenBy(one, "inspect-to-database")) : [];
  const lacksSecret = isOf(vpc) && vpc?.probes.some(({ name, ok }) => name === "secret" && !ok) === true;
  const ofProxy = !isOf(here) && !isOf(vpc) && isOf(vpc?.proxy) ? (["proxy", "inspect-to-proxy"] as const) : [];
  return new Set([...ofHere, ...ofVpc, ...(lacksSecret ? (["way-out"] as const) : []), ...ofProxy]);
}

function brokenBy(code: string, way: Broken): Broken[] {
  const suspects = traitsOf(code)?.suspects ?? [];
  // What the proxy's login does is in its log alone (`explain-proxy.ts`).
  return suspects.filter((suspect) => suspect !== "proxy-login").map((suspect) => (suspect === "way" ? way : suspect));
}

function describeWalks({ here, vpc }: Walks): string {
  const walks: readonly (readonly [string, DoctorReport | undefined])[] = [
    ["from here", here],
    ["from inside the VPC", vpc],
    ["through the proxy", vpc?.proxy],
  ];
  return joinEvidence(
    ...walks.map(([from, walk]) => (walk === undefined ? undefined : `${from}, ${describeWalk(walk)}`)),
  );
}

function describeWalk({ verdict }: DoctorReport): string {
  return verdict.code === "ok" ? "everything works" : (verdict.evidence ?? verdict.summary);
}

function toVerdict({ code, evidence, fix }: Finding, walks: string): DoctorVerdict {
  const known = describeVerdict(code);
  return { code, summary: known.summary, fix: fix ?? known.fix, evidence: joinEvidence(evidence, walks) };
}
