import {
  type EC2Client,
  type Filter,
  paginateDescribeRouteTables,
  type Route,
  type RouteTable,
} from "@aws-sdk/client-ec2";
import type { Manifest } from "#lib/contract.ts";
import { sendOptions } from "#lib/stage/aws-access.ts";
import { stageFilters, type Tags, toTags } from "../stage-tags.ts";

export type StageRouteTable = {
  readonly id: string;
  /** The subnets that have it by an association of their own. */
  readonly subnetIds: readonly string[];
  /** The one of all subnets without an association. */
  readonly isMain: boolean;
  readonly routes: readonly StageRoute[];
  readonly tags: Tags;
};

export type StageRoute = {
  /** `0.0.0.0/0`, an IPv6 range or a prefix list. */
  readonly destination: string;
  /** Id of what it leads to: `eni-…`, `i-…`, `nat-…`, `igw-…`, `local`. */
  readonly target: string;
  /** Where the target is an interface of an instance. */
  readonly instanceId?: string;
  /** The target is gone, or stopped. */
  readonly isBlackhole: boolean;
};

/** The route tables of the stage's VPC where the manifest names it; else those that carry the stage's tags. */
export async function readRouteTables(
  client: EC2Client,
  { stage, network }: Manifest,
  signal: AbortSignal,
): Promise<readonly StageRouteTable[]> {
  const Filters: Filter[] = network === undefined ? stageFilters(stage) : [{ Name: "vpc-id", Values: [network.vpcId] }];
  const found: StageRouteTable[] = [];
  for await (const page of paginateDescribeRouteTables({ client }, { Filters }, sendOptions(signal))) {
    found.push(...(page.RouteTables ?? []).map(toStageRouteTable));
  }
  return found.toSorted((a, b) => a.id.localeCompare(b.id));
}

function toStageRouteTable({ RouteTableId = "", Associations = [], Routes = [], Tags }: RouteTable): StageRouteTable {
  return {
    id: RouteTableId,
    subnetIds: Associations.flatMap(({ SubnetId }) => SubnetId ?? []),
    isMain: Associations.some(({ Main }) => Main === true),
    routes: Routes.map(toStageRoute),
    tags: toTags(Tags),
  };
}

function toStageRoute(one: Route): StageRoute {
  const { InstanceId } = one;
  return {
    destination: one.DestinationCidrBlock ?? one.DestinationIpv6CidrBlock ?? one.DestinationPrefixListId ?? "",
    target:
      one.NetworkInterfaceId ?? InstanceId ?? one.NatGatewayId ?? one.GatewayId ?? one.TransitGatewayId ?? "other",
    ...(InstanceId === undefined ? {} : { instanceId: InstanceId }),
    isBlackhole: one.State === "blackhole",
  };
}
