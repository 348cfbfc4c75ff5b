import { type EC2Client, type Filter, type IpPermission, paginateDescribeSecurityGroups } from "@aws-sdk/client-ec2";
import { tagKeys } from "#lib/contract.ts";
import { sendOptions } from "#lib/stage/aws-access.ts";
import { stageFilters, toTags } from "./stage-tags.ts";

export type SecurityGroup = {
  readonly id: string;
  readonly name: string;
  /** The part of the stage that it is of; absent for a group that is none of the stage's. */
  readonly part?: string;
  readonly ingress: readonly GroupRule[];
  readonly egress: readonly GroupRule[];
};

export type GroupRule = {
  /** `tcp`, or `-1` for everything. */
  readonly protocol: string;
  /** Absent: all ports. */
  readonly ports?: { readonly from: number; readonly to: number };
  /** The groups that it names. */
  readonly groupIds: readonly string[];
  /** It names ranges or prefix lists, of which one does not see here who is in them. */
  readonly hasRanges: boolean;
};

/** The groups that carry the stage's tags. */
export async function readStageGroups(
  client: EC2Client,
  stage: string,
  signal: AbortSignal,
): Promise<readonly SecurityGroup[]> {
  return await readBy(client, stageFilters(stage), signal);
}

/** Others, that were there before: an adopted database's. */
export async function readGroups(
  client: EC2Client,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<readonly SecurityGroup[]> {
  return await readBy(client, [{ Name: "group-id", Values: [...ids] }], signal);
}

async function readBy(client: EC2Client, Filters: Filter[], signal: AbortSignal): Promise<SecurityGroup[]> {
  const found: SecurityGroup[] = [];
  for await (const page of paginateDescribeSecurityGroups({ client }, { Filters }, sendOptions(signal))) {
    for (const {
      GroupId = "",
      GroupName = "",
      Tags,
      IpPermissions = [],
      IpPermissionsEgress = [],
    } of page.SecurityGroups ?? []) {
      const part = toTags(Tags)[tagKeys.part];
      found.push({
        id: GroupId,
        name: GroupName,
        ...(part === undefined ? {} : { part }),
        ingress: IpPermissions.map(toRule),
        egress: IpPermissionsEgress.map(toRule),
      });
    }
  }
  return found;
}

function toRule(one: IpPermission): GroupRule {
  const { IpProtocol: protocol = "-1", FromPort, ToPort, UserIdGroupPairs = [] } = one;
  const ranges = [one.IpRanges, one.Ipv6Ranges, one.PrefixListIds];
  // -1 is EC2's word for all.
  const hasPorts = FromPort !== undefined && ToPort !== undefined && FromPort >= 0;
  return {
    protocol,
    ...(hasPorts ? { ports: { from: FromPort, to: ToPort } } : {}),
    groupIds: UserIdGroupPairs.flatMap(({ GroupId }) => GroupId ?? []),
    hasRanges: ranges.some((list) => list !== undefined && list.length > 0),
  };
}
