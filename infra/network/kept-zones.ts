import { appName, tagKeys } from "#lib/contract.ts";
import { subnetRanges } from "../settings/ranges.ts";
import type { StageSettings } from "../settings/schema.ts";
import { findTypeProblem } from "./type-offers.ts";

/**
 * Zones by name that differ from where the stage's subnets are: a subnet stays where it was made (`keptZone` in `own-vpc.ts`), so they
 * would change nothing. More zones, and fewer at the end, are fine.
 */
export async function findMovedZones(
  stage: string,
  { range, zones }: Pick<StageSettings["network"], "range" | "zones">,
): Promise<string[]> {
  if (typeof zones === "number") return [];
  const there = await lookUpSubnets(stage);
  const kept = zones.map((zone, index) => {
    const { private: cidr } = subnetRanges(range, index);
    return there.find(({ cidrBlock }) => cidrBlock === cidr)?.availabilityZone ?? zone;
  });
  if (kept.every((zone, index) => zone === zones[index])) return [];
  return [
    `network.zones: ${zones.join(", ")}; this stage's subnets are in ${kept.join(", ")} and stay there, in this order; ` +
      `expected ${kept.join(", ")}, or another stage for other zones`,
  ];
}

/**
 * A type of NAT instance that is not offered where the stage's subnets are and stay, whichever zones are chosen by number: EC2 stops
 * an instance before it changes its type. Zones by name are looked at where they are checked (`zones.ts`).
 */
export async function findKeptTypeProblem(
  stage: string,
  { zones, nat: { instanceType } }: Pick<StageSettings["network"], "zones" | "nat">,
): Promise<string[]> {
  if (typeof zones !== "number") return [];
  const there = await lookUpSubnets(stage);
  if (there.length === 0) return [];
  const taken = new Set(there.map(({ availabilityZone }) => availabilityZone));
  const where = "this stage's subnets are and stay";
  return await findTypeProblem(instanceType, [...taken], { where, expected: "another type" });
}

async function lookUpSubnets(stage: string): Promise<readonly aws.ec2.GetSubnetResult[]> {
  const { ids } = await aws.ec2.getSubnets({ tags: { [tagKeys.app]: appName, [tagKeys.stage]: stage } });
  return await Promise.all(ids.map(async (id) => aws.ec2.getSubnet({ id })));
}
