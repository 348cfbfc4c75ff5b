import type { Evaluation, RecordedResource } from "../../support/sst/recorded.ts";
import { input, ofType } from "./rule.ts";
import { texts } from "./statements.ts";

/** One line of a security group, whichever of AWS's three ways it is declared in. */
export type GroupRule = {
  /** Logical name of what declares it. */
  readonly where: string;
  /** Of the group that it belongs to. */
  readonly groupId: string;
  readonly direction: "in" | "out";
  readonly protocol: unknown;
  readonly fromPort: unknown;
  readonly toPort: unknown;
  /** Ranges of addresses, of both versions. */
  readonly ranges: readonly string[];
  /** Ids of the groups at the other end; `self` is the group itself. */
  readonly groups: readonly string[];
  /** Lists of ranges that are kept elsewhere: nobody here knows what is in them. */
  readonly prefixLists: readonly string[];
};

/** Every line of every group: inside of the groups, and as resources of their own, the older kind and the newer. */
export function groupRules(evaluation: Evaluation): GroupRule[] {
  const holders = [...ofType(evaluation, "aws:ec2/securityGroup:SecurityGroup"), ...defaultGroups(evaluation)];
  const inside = holders.flatMap((group) =>
    (["ingress", "egress"] as const).flatMap((side) =>
      list(input(group, side)).map((line) => describe(group.name, idOf(group), side, line)),
    ),
  );
  const older = ofType(evaluation, "aws:ec2/securityGroupRule:SecurityGroupRule").map(({ name, inputs }) =>
    describe(name, String(inputs["securityGroupId"]), String(inputs["type"]), {
      ...inputs,
      securityGroups: [inputs["sourceSecurityGroupId"]],
    }),
  );
  const newer = (["Ingress", "Egress"] as const).flatMap((side) =>
    ofType(evaluation, `aws:vpc/securityGroup${side}Rule:SecurityGroup${side}Rule`).map(({ name, inputs }) =>
      describe(name, String(inputs["securityGroupId"]), side.toLowerCase(), {
        ...inputs,
        protocol: inputs["ipProtocol"],
        cidrBlocks: [inputs["cidrIpv4"]],
        ipv6CidrBlocks: [inputs["cidrIpv6"]],
        securityGroups: [inputs["referencedSecurityGroupId"]],
        prefixListIds: [inputs["prefixListId"]],
      }),
    ),
  );
  return [...inside, ...older, ...newer];
}

export function defaultGroups(evaluation: Evaluation): RecordedResource[] {
  return ofType(evaluation, "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup");
}

/** By which rules and listeners know a group. */
export function idOf({ name }: RecordedResource): string {
  return `${name}-id`;
}

function describe(where: string, groupId: string, side: string, line: Readonly<Record<string, unknown>>): GroupRule {
  return {
    where,
    groupId,
    direction: side === "ingress" ? "in" : "out",
    protocol: line["protocol"],
    fromPort: line["fromPort"],
    toPort: line["toPort"],
    ranges: [...texts(line["cidrBlocks"]), ...texts(line["ipv6CidrBlocks"])],
    groups: [...texts(line["securityGroups"]), ...(line["self"] === true ? [groupId] : [])],
    prefixLists: texts(line["prefixListIds"]),
  };
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? (value as Record<string, unknown>[]) : [];
}
