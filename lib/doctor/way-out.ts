import type { DoctorVerdict } from "#lib/protocol.ts";
import type { AwsReport } from "./control-plane/judge.ts";
import { joinEvidence } from "./join-evidence.ts";
import { describeVerdict } from "./verdicts.ts";

/** What tells of the way out; as long as one of them is not known, it may be dead. */
const asked: ReadonlySet<string> = new Set([
  "ec2:DescribeInstances",
  "ec2:DescribeAddresses",
  "ec2:DescribeRouteTables",
]);

/**
 * What it means that a secret gets no answer inside the VPC, while the database there shows its certificate: the subnets have no way
 * out, or AWS is silent. From there the two look the same. Pure.
 */
export function silentSecret(evidence: string): DoctorVerdict {
  return verdictOf(joinEvidence(evidence, "the database beside shows its certificate"), "STAGE");
}

/** The same in the light of what AWS says: where all of the way out is known and nothing of it broken, it is AWS. Pure. */
export function settleWayOut(verdict: DoctorVerdict, { stage, unknown }: AwsReport): DoctorVerdict {
  const missing = unknown.filter(({ action }) => asked.has(action));
  const { evidence = "" } = verdict;
  if (missing.length > 0) return verdictOf(evidence, stage, [...new Set(missing.map(({ because }) => because))]);
  const { summary, fix } = describeVerdict("aws.failed");
  return { code: "aws.failed", summary, fix, evidence: joinEvidence(evidence, "EC2 says that the way out is well") };
}

/** Told from any other doubt by its first cause. */
export function isSilentSecret({ code, ranked }: DoctorVerdict): boolean {
  return code === "ambiguous" && ranked?.[0]?.code === "aws.route";
}

function verdictOf(evidence: string, stage: string, missing: readonly string[] = []): DoctorVerdict {
  const { summary, fix } = describeVerdict("ambiguous");
  const rights = missing.length === 0 ? "" : `, by somebody who may ask EC2 (${missing.join(", ")})`;
  return {
    code: "ambiguous",
    summary,
    fix,
    evidence,
    ranked: [
      {
        code: "aws.route",
        settle: `run \`postern repair-nat --stage ${stage}\`${rights}: it shows what differs on the way out, and changes nothing unasked`,
      },
      { code: "aws.failed", settle: "look at AWS's health page for Secrets Manager in the stage's region" },
    ],
  };
}
