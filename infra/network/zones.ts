import type { StageSettings } from "../settings/schema.ts";
import { findTypeProblem, zonesOffering } from "./type-offers.ts";

type Wanted = Pick<StageSettings["network"], "zones"> & { readonly nat: { readonly instanceType: string } };

/**
 * Zones without RDS Proxy, by the ids that every account has in common. Of a subnet there RDS makes nothing and says nothing: each
 * later deploy finds a proxy other than declared, and makes it anew.
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.html#rds-proxy.limitations
 */
export const zonesWithoutProxy: readonly string[] = ["use1-az3", "usw1-az2"];

/**
 * The availability zones of a stage, by name. Looked up before anything is declared, so that a region with too few, or
 * without those that are named, is refused while nothing has happened; SST would go on with zones that do not exist.
 */
export async function chooseZones({ zones, nat: { instanceType } }: Wanted): Promise<string[]> {
  if (typeof zones !== "number") return checkNames(zones, instanceType);
  const { names, id: region } = await aws.getAvailabilityZones({
    state: "available",
    // No local zones and none that the account has to opt into: RDS is not in all of them.
    filters: [{ name: "opt-in-status", values: ["opt-in-not-required"] }],
    excludeZoneIds: [...zonesWithoutProxy],
  });
  const offered = await zonesOffering(instanceType);
  const usable = names.filter((name) => offered.includes(name));
  if (usable.length >= zones) return usable.slice(0, zones);
  throw new Error(
    `network.zones: ${zones}; ${region} has ${usable.length} availability zones with RDS Proxy and ${instanceType}. Set fewer, or ` +
      "another network.nat.instanceType, or deploy to another region.",
  );
}

/** In whatever state they are: a stage is deployed, too, while one of its zones has trouble. */
async function checkNames(wanted: readonly string[], instanceType: string): Promise<string[]> {
  const { names, zoneIds, id: region } = await aws.getAvailabilityZones();
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new Error(`network.zones: ${unknown.join(", ")}; expected zones of ${region}: ${names.join(", ")}.`);
  }
  const lacking = wanted.filter((name) => zonesWithoutProxy.includes(zoneIds[names.indexOf(name)] ?? ""));
  if (lacking.length > 0) throw new Error(`network.zones: ${lacking.join(", ")}; RDS Proxy is not there. Name others.`);
  const [typeProblem] = await findTypeProblem(instanceType, wanted, { expected: "another type, or other zones" });
  if (typeProblem !== undefined) throw new Error(`${typeProblem}.`);
  return [...wanted];
}
