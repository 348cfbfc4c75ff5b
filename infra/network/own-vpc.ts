import type { NatInstance, Network } from "../network.ts";
import { subnetRanges } from "../settings/ranges.ts";
import type { StageSettings } from "../settings/schema.ts";
import { declareFlowLogs } from "./flow-logs.ts";
import { chooseNatImage, guardNatRole, natIngress, shapeNatInstance } from "./nat.ts";
import { declareRecovery } from "./recovery.ts";
import { chooseZones } from "./zones.ts";

/** A region's list of zones may shift: a subnet stays where it is, for another zone would replace it and what is in it. */
const keptZone = ["availabilityZone"];

/**
 * SST's VPC component, with what it does by default changed by transforms:
 *
 * 1. A range of the stage's own, instead of 10.0.0.0/16 everywhere, so that stages can be peered.
 * 2. An empty default security group, instead of one that lets the whole VPC in.
 * 3. NAT instances that nobody reaches from the internet (`nat.ts`); one a zone, each with its recovery.
 * 4. Public addresses for the NAT instances only.
 * 5. Traffic to S3 through a gateway endpoint, which costs nothing, instead of through NAT.
 */
export async function declareOwnVpc(settings: StageSettings): Promise<Network> {
  const { range, bastion, flowLogs, nat } = settings.network;
  const [zones, ami] = await Promise.all([chooseZones(settings.network), chooseNatImage(nat)]);
  guardNatRole(settings.network);
  const vpc = new sst.aws.Vpc("Network", {
    az: zones,
    bastion: bastion === "ssh",
    nat: { type: "ec2", ec2: { instance: nat.instanceType, ami } },
    transform: {
      vpc: (args, options) => {
        args.cidrBlock = range;
        options.protect = settings.protected;
        return undefined;
      },
      publicSubnet: (args, options, name) => {
        options.ignoreChanges = keptZone;
        args.cidrBlock = subnetRanges(range, zoneIndex(name)).public;
        args.mapPublicIpOnLaunch = false;
        return undefined;
      },
      privateSubnet: (args, options, name) => {
        options.ignoreChanges = keptZone;
        args.cidrBlock = subnetRanges(range, zoneIndex(name)).private;
        options.protect = settings.protected;
        return undefined;
      },
      securityGroup: { ingress: [], egress: [] },
      natSecurityGroup: { description: "NAT instances", ingress: natIngress(settings.network) },
      natInstance: (args, options, name) => {
        shapeNatInstance(args, options, zoneIndex(name) + 1, settings.network);
        return undefined;
      },
    },
  });
  const nats = zones.map((_zone, index) => natInstance(vpc, index));
  for (const [index, { instanceId }] of nats.entries()) declareRecovery(`NetworkNat${index + 1}`, instanceId);
  declareS3Endpoint(vpc);
  if (flowLogs) declareFlowLogs(vpc.id);
  const bastions =
    bastion === "none" ? {} : { bastionIds: nats.map(({ instanceId }) => instanceId), bastionGroupId: natGroupId(vpc) };
  return {
    vpcId: vpc.id,
    privateSubnetIds: vpc.privateSubnets.apply((ids) => $util.all(ids)),
    nats,
    bastionIds: [],
    ready: [wayOut(vpc)],
    ...bastions,
  };
}

/**
 * The VPC with all that is in it: SST does not hand out its associations of route tables and addresses. It makes them
 * where it makes the tables and the instances, so that these are awaited first; before, the VPC would not know of them.
 */
function wayOut(vpc: sst.aws.Vpc): $util.Output<$util.Resource> {
  const { publicRouteTables, privateRouteTables, natInstances } = vpc.nodes;
  return $util.all([publicRouteTables, privateRouteTables, natInstances]).apply(() => vpc);
}

/** SST numbers the zones from 1, at the end of the logical name. */
function zoneIndex(logicalName: string): number {
  return Number(/\d+$/.exec(logicalName)?.[0]) - 1;
}

function natInstance({ nodes }: sst.aws.Vpc, index: number): NatInstance {
  const found = $util.all([nodes.natInstances, nodes.elasticIps]).apply(([instances, addresses]) => {
    const instance = instances[index];
    const address = addresses[index];
    if (instance === undefined) throw new Error(`There is no NAT instance in zone ${index + 1}.`);
    if (address === undefined) throw new Error(`There is no Elastic IP in zone ${index + 1}.`);
    return { instanceId: instance.id, allocationId: address.id, publicIp: address.publicIp };
  });
  return { instanceId: found.instanceId, allocationId: found.allocationId, publicIp: found.publicIp };
}

function natGroupId(vpc: sst.aws.Vpc): $util.Output<string> {
  return vpc.nodes.natSecurityGroup.apply((group) => {
    if (group === undefined) throw new Error("The NAT instances have no security group.");
    return group.id;
  });
}

function declareS3Endpoint(vpc: sst.aws.Vpc): void {
  const { region } = aws.getRegionOutput();
  new aws.ec2.VpcEndpoint("NetworkS3Endpoint", {
    vpcId: vpc.id,
    vpcEndpointType: "Gateway",
    serviceName: $interpolate`com.amazonaws.${region}.s3`,
    routeTableIds: vpc.nodes.privateRouteTables.apply((tables) => $util.all(tables.map(({ id }) => id))),
    tags: { Name: `${$app.name}-${$app.stage}-s3` },
  });
}
