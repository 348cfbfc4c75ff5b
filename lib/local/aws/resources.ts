import type {
  Address,
  Instance,
  InstanceStatus,
  NetworkInterface,
  RouteTable,
  SecurityGroup,
  Subnet,
} from "@aws-sdk/client-ec2";
import type { Certificate, DBInstance, DBProxy, DBProxyTarget, Event } from "@aws-sdk/client-rds";
import type { InstanceInformation } from "@aws-sdk/client-ssm";

/**
 * What the control plane says is there: plain data, in the SDK's own shapes, so that a test can put it into any state
 * that AWS can be in. What AWS derives of something else (the state of a route, an instance's public address) is written
 * out here, too: whoever changes one thing lets `settle` (`settle.ts`) bring the others after it.
 */
export type AwsResources = {
  readonly dbInstances: readonly (DBInstance & { readonly DBInstanceIdentifier: string })[];
  readonly dbProxies: readonly (DBProxy & { readonly DBProxyName: string })[];
  /** By name of the proxy. */
  readonly dbProxyTargets: Readonly<Record<string, readonly DBProxyTarget[]>>;
  /** RDS's events, the oldest first. */
  readonly dbEvents: readonly Event[];
  /** The authorities that sign the certificates of databases. */
  readonly certificates: readonly (Certificate & { readonly CertificateIdentifier: string })[];
  readonly instances: readonly LocalInstance[];
  /** Where it is not as an instance's state alone says: one that runs is well, unless it is said here. */
  readonly instanceStatuses: readonly LocalInstanceStatus[];
  readonly addresses: readonly LocalAddress[];
  readonly subnets: readonly LocalSubnet[];
  readonly routeTables: readonly LocalRouteTable[];
  readonly securityGroups: readonly LocalSecurityGroup[];
  readonly networkInterfaces: readonly LocalNetworkInterface[];
  /** What Systems Manager knows of agents. */
  readonly instanceInformation: readonly (InstanceInformation & { readonly InstanceId: string })[];
  /** No API tells it: instances whose agent has ended and comes back with a start or a reboot only. */
  readonly endedAgents: readonly string[];
  /** Deleted of what is not described here: no call finds it. */
  readonly deleted: readonly DeletedThing[];
  /** What people's key may not do, as IAM writes actions: `ec2:DescribeInstances`, `ec2:*`. */
  readonly deniedActions: readonly string[];
  /** People's session has ended: every call with their key is refused. */
  readonly hasExpiredSession: boolean;
};

/** By its name, not its ARN. */
export type DeletedThing = { readonly kind: "secret" | "document" | "function"; readonly name: string };

/** The members that `ec2/` knows how to write. */
export type LocalInstance = Pick<
  Instance,
  | "ImageId"
  | "InstanceType"
  | "State"
  | "StateReason"
  | "LaunchTime"
  | "PrivateIpAddress"
  | "PublicIpAddress"
  | "PrivateDnsName"
  | "PublicDnsName"
  | "Placement"
  | "SubnetId"
  | "VpcId"
  | "SourceDestCheck"
  | "SecurityGroups"
  | "NetworkInterfaces"
  | "Tags"
  | "StateTransitionReason"
> & { readonly InstanceId: string };

export type LocalInstanceStatus = Pick<InstanceStatus, "InstanceStatus" | "SystemStatus"> & {
  readonly InstanceId: string;
};

export type LocalAddress = Pick<
  Address,
  | "AllocationId"
  | "AssociationId"
  | "Domain"
  | "InstanceId"
  | "NetworkInterfaceId"
  | "NetworkInterfaceOwnerId"
  | "PrivateIpAddress"
  | "PublicIp"
  | "Tags"
>;

export type LocalSubnet = Pick<
  Subnet,
  "AvailabilityZone" | "CidrBlock" | "MapPublicIpOnLaunch" | "State" | "Tags" | "VpcId"
> & { readonly SubnetId: string };

export type LocalRouteTable = Pick<RouteTable, "Associations" | "Routes" | "Tags" | "VpcId"> & {
  readonly RouteTableId: string;
};

export type LocalSecurityGroup = Pick<
  SecurityGroup,
  "Description" | "GroupName" | "IpPermissions" | "IpPermissionsEgress" | "Tags" | "VpcId"
> & { readonly GroupId: string };

export type LocalNetworkInterface = Pick<
  NetworkInterface,
  | "Association"
  | "Attachment"
  | "AvailabilityZone"
  | "Description"
  | "Groups"
  | "InterfaceType"
  | "PrivateIpAddress"
  | "RequesterId"
  | "RequesterManaged"
  | "SourceDestCheck"
  | "Status"
  | "SubnetId"
  | "TagSet"
  | "VpcId"
> & { readonly NetworkInterfaceId: string };

export const noResources: AwsResources = Object.freeze({
  dbInstances: [],
  dbProxies: [],
  dbProxyTargets: {},
  dbEvents: [],
  certificates: [],
  instances: [],
  instanceStatuses: [],
  addresses: [],
  subnets: [],
  routeTables: [],
  securityGroups: [],
  networkInterfaces: [],
  instanceInformation: [],
  endedAgents: [],
  deleted: [],
  deniedActions: [],
  hasExpiredSession: false,
});

export function isDeleted({ deleted }: AwsResources, kind: DeletedThing["kind"], name: string): boolean {
  return deleted.some((one) => one.kind === kind && one.name === name);
}
