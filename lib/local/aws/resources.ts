import type { Address, Instance } from "@aws-sdk/client-ec2";
import type { DBInstance, DBProxy, DBProxyTarget } from "@aws-sdk/client-rds";

/**
 * What the control plane says is there: plain data, in the SDK's own shapes, so that a test can put it into any state
 * that AWS can be in.
 */
export type AwsResources = {
  readonly dbInstances: readonly (DBInstance & { readonly DBInstanceIdentifier: string })[];
  readonly dbProxies: readonly (DBProxy & { readonly DBProxyName: string })[];
  /** By name of the proxy. */
  readonly dbProxyTargets: Readonly<Record<string, readonly DBProxyTarget[]>>;
  readonly instances: readonly (LocalInstance & { readonly InstanceId: string })[];
  readonly addresses: readonly LocalAddress[];
};

/** The members that `ec2.ts` knows how to write. */
export type LocalInstance = Pick<
  Instance,
  | "InstanceId"
  | "ImageId"
  | "InstanceType"
  | "State"
  | "LaunchTime"
  | "PrivateIpAddress"
  | "PublicIpAddress"
  | "PrivateDnsName"
  | "PublicDnsName"
  | "SubnetId"
  | "VpcId"
  | "SourceDestCheck"
  | "SecurityGroups"
  | "Tags"
  | "StateTransitionReason"
>;

export type LocalAddress = Pick<
  Address,
  | "AllocationId"
  | "AssociationId"
  | "Domain"
  | "InstanceId"
  | "NetworkInterfaceId"
  | "PrivateIpAddress"
  | "PublicIp"
  | "Tags"
>;

export const noResources: AwsResources = Object.freeze({
  dbInstances: [],
  dbProxies: [],
  dbProxyTargets: {},
  instances: [],
  addresses: [],
});
