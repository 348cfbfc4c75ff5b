import { appName, tagKeys } from "#lib/contract.ts";
import { subnetRanges } from "../settings/ranges.ts";
import type { StageSettings } from "../settings/schema.ts";
import { typeProblem, zonesOffering } from "./zones.ts";

/**
 * What does not fit to where the stage's subnets are: a subnet stays where it was made (`keptZone` in `own-vpc.ts`).
 *
 * - Zones by name that differ, which would change nothing. More zones, and fewer at the end, are fine.
 * - Zones by number, with a type of NAT instance that is not offered there: EC2 stops an instance before it changes its type.
 */
export async function findMovedZones(
  stage: string,
  { range, zones, existing, nat: { instanceType } }: StageSettings["network"],
): Promise<string[]> {
  if (existing !== undefined) return [];
  const { ids } = await aws.ec2.getSubnets({ tags: { [tagKeys.app]: appName, [tagKeys.stage]: stage } });
  const there = await Promise.all(ids.map((id) => aws.ec2.getSubnet({ id })));
  if (typeof zones === "number") {
    if (there.length === 0) return [];
    const offered = await zonesOffering(instanceType);
    const taken = new Set(there.map(({ availabilityZone }) => availabilityZone));
    const without = [...taken].filter((zone) => !offered.includes(zone));
    if (without.length === 0) return [];
    return [`${typeProblem(instanceType, without)}, where this stage's subnets are and stay; expected another type`];
  }
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
