import type { StageSettings } from "../settings/schema.ts";
import { findTypeProblem } from "./type-offers.ts";
import { zonesWithoutProxy } from "./zones.ts";

type Existing = NonNullable<StageSettings["network"]["existing"]>;
type Routes = aws.ec2.GetRouteTableResult["routes"];

/**
 * What keeps the subnets of a VPC that is there already from being used: they are to be private, in it, in two
 * zones, and with a way out: without one no function reaches its secrets, and a deploy would wait for it in vain.
 *
 * @param isProxied whether the stage has a proxy, which is not in every zone
 */
export async function findSubnetProblems(
  { vpcId, privateSubnetIds, isolated }: Existing,
  isProxied: boolean,
): Promise<string[]> {
  const looked = await Promise.all(privateSubnetIds.map(lookUpSubnet));
  const subnets = looked.filter((found) => typeof found !== "string");
  const problems = looked.filter((found) => typeof found === "string");
  for (const subnet of subnets) {
    if (subnet.vpcId !== vpcId) problems.push(`${subnet.id} is in ${subnet.vpcId}, not in ${vpcId}`);
    else problems.push(...findRouteProblems(subnet.id, await lookUpRoutes(subnet.id, vpcId), isolated === true));
    if (isProxied && zonesWithoutProxy.includes(subnet.availabilityZoneId)) {
      problems.push(
        `${subnet.id} is in ${subnet.availabilityZoneId} (${subnet.availabilityZone}), where RDS Proxy is not`,
      );
    }
  }
  const zones = new Set(subnets.map(({ availabilityZone }) => availabilityZone));
  if (subnets.length === looked.length && zones.size < 2) {
    problems.push(`all are in ${[...zones].join()}; expected two zones or more`);
  }
  return problems.length === 0 ? [] : [`network.existing.privateSubnetIds: ${problems.join("; ")}`];
}

/** What keeps the bastion from being put into the first of the subnets: a type of instance that its zone does not have. */
export async function findBastionProblems({ existing, bastion, nat }: StageSettings["network"]): Promise<string[]> {
  const [first] = existing?.privateSubnetIds ?? [];
  if (first === undefined || bastion === "none") return [];
  const subnet = await lookUpSubnet(first);
  if (typeof subnet === "string") return [];
  return await findTypeProblem(nat.instanceType, [subnet.availabilityZone], {
    where: "the bastion is put",
    expected: "another type, or another first subnet",
  });
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
async function lookUpRoutes(subnetId: string, vpcId: string): Promise<Routes> {
  const own = await aws.ec2.getRouteTables({ filters: [{ name: "association.subnet-id", values: [subnetId] }] });
  const main = await aws.ec2.getRouteTables({ vpcId, filters: [{ name: "association.main", values: ["true"] }] });
  const routeTableId = own.ids[0] ?? main.ids[0];
  return routeTableId === undefined ? [] : (await aws.ec2.getRouteTable({ routeTableId })).routes;
}

function findRouteProblems(id: string, routes: Routes, isIsolated: boolean): string[] {
  if (routes.some(({ gatewayId }) => gatewayId.startsWith("igw-"))) {
    return [`${id} is public: its route table leads to an internet gateway`];
  }
  if (isIsolated || routes.some(({ cidrBlock }) => cidrBlock === "0.0.0.0/0")) return [];
  return [
    `${id} has no way out: its route table has no route for 0.0.0.0/0; expected one through NAT, or ` +
      "network.existing.isolated: true where the VPC has endpoints for all that docs/stack.md names",
  ];
}
