import { useExistingVpc } from "./network/existing-vpc.ts";
import { declareOwnVpc } from "./network/own-vpc.ts";
import type { StageSettings } from "./settings/schema.ts";

/** Where the other parts are put. */
export type Network = {
  readonly vpcId: $util.Output<string>;
  /** In two zones or more, with a route to the internet through NAT. */
  readonly privateSubnetIds: $util.Output<string[]>;
  /** Instances that carry tunnels, in the order of their zones; none with `bastion: "none"`. */
  readonly bastionIds: readonly $util.Output<string>[];
  /** Where tunnels come from; it may open connections to anywhere in the VPC. Absent with `bastion: "none"`. */
  readonly bastionGroupId?: $util.Output<string>;
  /** One a zone; empty in a VPC that was there before. */
  readonly nats: readonly NatInstance[];
  /** What the way out of the private subnets is made of; empty in a VPC that was there before. */
  readonly ready: readonly $util.Input<$util.Resource>[];
};

/** With its Elastic IP. */
export type NatInstance = {
  readonly instanceId: $util.Output<string>;
  readonly allocationId: $util.Output<string>;
  readonly publicIp: $util.Output<string>;
};

/**
 * The VPC of a stage, or the one that it is to use.
 *
 * After a failure halfway the next deploy goes on where it ended. On a protected stage the VPC and its private subnets
 * cannot be deleted, because the database is in them.
 */
export async function declareNetwork(settings: StageSettings): Promise<Network> {
  const { existing } = settings.network;
  return existing === undefined ? declareOwnVpc(settings) : useExistingVpc(existing, settings);
}
