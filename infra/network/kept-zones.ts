import { appName, tagKeys } from "#lib/contract.ts";
import { subnetRanges } from "../settings/ranges.ts";
import type { StageSettings } from "../settings/schema.ts";

/**
 * Zones by name that differ from those where the stage's subnets are: a subnet stays where it was made (`keptZone` in
 * `own-vpc.ts`), so that another zone in its place would change nothing. More zones, and fewer at the end, are fine.
 */
export async function findMovedZones(
  stage: string,
  { range, zones, existing }: StageSettings["network"],
): Promise<string[]> {
  if (existing !== undefined || typeof zones === "number") return [];
  const { ids } = await aws.ec2.getSubnets({ tags: { [tagKeys.app]: appName, [tagKeys.stage]: stage } });
  const there = await Promise.all(ids.map((id) => aws.ec2.getSubnet({ id })));
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
