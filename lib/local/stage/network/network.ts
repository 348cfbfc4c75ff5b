import { appName, functionParts, type NetworkParts } from "#lib/contract.ts";
import type { AwsResources, LocalNetworkInterface, LocalRouteTable, LocalSubnet } from "../../aws/resources.ts";
import { localInstanceId } from "../../gateway/gateway.ts";
import { localId, networkIds, stageTags, subnetRanges, vpcRange } from "./ids.ts";

export type StageNetwork = Pick<
  AwsResources,
  "instances" | "addresses" | "subnets" | "routeTables" | "networkInterfaces" | "instanceInformation"
>;

const bastionIp = "10.43.0.10";
/** Of a range that is for documentation: it is nobody's. */
const elasticIp = "203.0.113.10";
const everywhere = "0.0.0.0/0";

/**
 * The network of a stage, as `infra/network/` makes it: two zones, each with a public and a private subnet and their route
 * tables; in the first the NAT instance, which is the bastion, with its Elastic IP. A deployed stage has one in each zone:
 * with a single one, what becomes of a function does not hang on the zone that it happens to run in.
 */
export function describeNetwork(stage: string, region: string, startedAt: Date): StageNetwork {
  const zones = [`${region}-a`, `${region}-b`] as const;
  return {
    subnets: zones.flatMap((zone, index) => [
      describeSubnet(stage, zone, "public", index),
      describeSubnet(stage, zone, "private", index),
    ]),
    routeTables: zones.flatMap((_zone, index) => [
      describeRouteTable(stage, "public", index),
      describeRouteTable(stage, "private", index),
    ]),
    networkInterfaces: [describeBastionInterface(zones[0], startedAt), ...describeManagedInterfaces(stage, zones)],
    instances: [
      {
        InstanceId: localInstanceId,
        InstanceType: "t4g.nano",
        State: { Code: 16, Name: "running" },
        LaunchTime: daysBefore(startedAt),
        Placement: { AvailabilityZone: zones[0] },
        VpcId: networkIds.vpc,
        SubnetId: networkIds.publicSubnets[0],
        PrivateIpAddress: bastionIp,
        Tags: [...stageTags(stage, "network", "Network NAT Instance"), { Key: "sst:is-nat", Value: "true" }],
      },
    ],
    addresses: [
      {
        AllocationId: networkIds.elasticIp,
        AssociationId: localId("eipassoc", "NetworkNatInstanceEipAssociation1"),
        Domain: "vpc",
        PublicIp: elasticIp,
        InstanceId: localInstanceId,
        NetworkInterfaceId: networkIds.bastionInterface,
        PrivateIpAddress: bastionIp,
        Tags: stageTags(stage, "network"),
      },
    ],
    instanceInformation: [
      {
        InstanceId: localInstanceId,
        PingStatus: "Online",
        LastPingDateTime: startedAt,
        AgentVersion: "3.3.1142.0",
        PlatformType: "Linux",
        PlatformName: "Amazon Linux",
        ResourceType: "EC2Instance",
        IPAddress: bastionIp,
        ComputerName: "ip-10-43-0-10",
      },
    ],
  };
}

/** The same for the manifest, as it was deployed. */
export function describeNetworkParts(): NetworkParts {
  return {
    vpcId: networkIds.vpc,
    privateSubnets: networkIds.privateSubnets,
    nat: [{ instance: localInstanceId, allocation: networkIds.elasticIp, address: elasticIp }],
  };
}

/** The stage is as if it had been deployed a while ago: nothing in it is just about to come up. */
function daysBefore(startedAt: Date): Date {
  return new Date(startedAt.getTime() - 7 * 86_400_000);
}

function describeSubnet(stage: string, zone: string, kind: "public" | "private", index: number): LocalSubnet {
  return {
    SubnetId: networkIds[`${kind}Subnets`][index] ?? "",
    VpcId: networkIds.vpc,
    AvailabilityZone: zone,
    CidrBlock: subnetRanges[kind][index],
    MapPublicIpOnLaunch: false,
    State: "available",
    Tags: stageTags(stage, "network", `Network ${kind} subnet ${index + 1}`),
  };
}

function describeRouteTable(stage: string, kind: "public" | "private", index: number): LocalRouteTable {
  const id = networkIds[`${kind}RouteTables`][index] ?? "";
  const subnetId = networkIds[`${kind}Subnets`][index] ?? "";
  const wayOut =
    kind === "public"
      ? { GatewayId: networkIds.internetGateway }
      : { NetworkInterfaceId: networkIds.bastionInterface, InstanceId: localInstanceId };
  return {
    RouteTableId: id,
    VpcId: networkIds.vpc,
    Associations: [
      {
        RouteTableAssociationId: localId("rtbassoc", subnetId),
        RouteTableId: id,
        SubnetId: subnetId,
        Main: false,
        AssociationState: { State: "associated" },
      },
    ],
    Routes: [
      { DestinationCidrBlock: vpcRange, GatewayId: "local", Origin: "CreateRouteTable", State: "active" },
      { DestinationCidrBlock: everywhere, Origin: "CreateRoute", State: "active", ...wayOut },
    ],
    Tags: stageTags(stage, "network", `Network ${kind} route table ${index + 1}`),
  };
}

function describeBastionInterface(zone: string, startedAt: Date): LocalNetworkInterface {
  return {
    NetworkInterfaceId: networkIds.bastionInterface,
    InterfaceType: "interface",
    Status: "in-use",
    VpcId: networkIds.vpc,
    SubnetId: networkIds.publicSubnets[0],
    AvailabilityZone: zone,
    PrivateIpAddress: bastionIp,
    // A NAT instance passes on what is not for itself.
    SourceDestCheck: false,
    Groups: [{ GroupId: networkIds.groups.bastion, GroupName: "NetworkNatInstanceSecurityGroup" }],
    Attachment: {
      AttachmentId: localId("eni-attach", "NetworkNatInstance1"),
      InstanceId: localInstanceId,
      DeviceIndex: 0,
      Status: "attached",
      DeleteOnTermination: true,
      AttachTime: daysBefore(startedAt),
    },
  };
}

/** Those that AWS makes for its services: the database's and the proxy's in the first zone, the functions' in both. */
function describeManagedInterfaces(stage: string, zones: readonly string[]): readonly LocalNetworkInterface[] {
  const { groups } = networkIds;
  const managed = (name: string, zone: number, group: string, by: Partial<LocalNetworkInterface>) => ({
    NetworkInterfaceId: localId("eni", `${name} ${zone + 1}`),
    InterfaceType: "interface" as const,
    Status: "in-use" as const,
    VpcId: networkIds.vpc,
    SubnetId: networkIds.privateSubnets[zone],
    AvailabilityZone: zones[zone],
    RequesterManaged: true,
    SourceDestCheck: true,
    Groups: [{ GroupId: group }],
    ...by,
  });
  const rds = { RequesterId: "amazon-rds" };
  return [
    managed("DatabaseInstance", 0, groups.database, { ...rds, Description: "RDSNetworkInterface" }),
    managed("DatabaseProxy", 0, groups.proxy, { ...rds, Description: "Network interface for DBProxy" }),
    ...functionParts.flatMap((part) =>
      zones.map((_zone, index) =>
        managed(part, index, groups[part], {
          InterfaceType: "lambda",
          Description: `AWS Lambda VPC ENI-${appName}-${stage}-${part}`,
        }),
      ),
    ),
  ];
}
