import type { StageSettings } from "../settings/schema.ts";

type Existing = NonNullable<StageSettings["network"]["existing"]>;

/** What keeps the subnets of a VPC that is there already from being used: they are to be private, in it, and in two zones. */
export async function findSubnetProblems({ vpcId, privateSubnetIds }: Existing): Promise<string[]> {
  const looked = await Promise.all(privateSubnetIds.map(lookUpSubnet));
  const subnets = looked.filter((found) => typeof found !== "string");
  const problems = looked.filter((found) => typeof found === "string");
  for (const subnet of subnets) {
    if (subnet.vpcId !== vpcId) problems.push(`${subnet.id} is in ${subnet.vpcId}, not in ${vpcId}`);
    else if (await hasInternetGateway(subnet.id, vpcId)) {
      problems.push(`${subnet.id} is public: its route table leads to an internet gateway`);
    }
  }
  const zones = new Set(subnets.map(({ availabilityZone }) => availabilityZone));
  if (subnets.length === looked.length && zones.size < 2) {
    problems.push(`all are in ${[...zones].join()}; expected two zones or more`);
  }
  return problems.length === 0 ? [] : [`network.existing.privateSubnetIds: ${problems.join("; ")}`];
}

/** @returns the subnet, or why there is none */
async function lookUpSubnet(id: string): Promise<aws.ec2.GetSubnetResult | string> {
  try {
    return await aws.ec2.getSubnet({ id });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return `${id}: there is no such subnet, or it could not be looked up (${reason})`;
  }
}

/** A subnet without a route table of its own has the VPC's main one. */
async function hasInternetGateway(subnetId: string, vpcId: string): Promise<boolean> {
  const own = await aws.ec2.getRouteTables({ filters: [{ name: "association.subnet-id", values: [subnetId] }] });
  const main = await aws.ec2.getRouteTables({ vpcId, filters: [{ name: "association.main", values: ["true"] }] });
  const routeTableId = own.ids[0] ?? main.ids[0];
  if (routeTableId === undefined) return false;
  const { routes } = await aws.ec2.getRouteTable({ routeTableId });
  return routes.some(({ gatewayId }) => gatewayId.startsWith("igw-"));
}
