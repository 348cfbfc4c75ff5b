import type { Manifest } from "#lib/contract.ts";
import type { ElasticIp } from "./addresses.ts";
import type { StageInstance } from "./instances.ts";
import type { StageRoute, StageRouteTable } from "./route-tables.ts";

/** SST's tag on the instances that it makes for NAT. */
const natTag = "sst:is-nat";

export function isNat({ tags, id }: StageInstance, { network }: Manifest): boolean {
  return tags[natTag] === "true" || (network?.nat.some(({ instance }) => instance === id) ?? false);
}

/** Present, or starting or stopped: it can be again. */
export function isThere({ state }: StageInstance): boolean {
  return state !== "terminated" && state !== "shutting-down";
}

/** Which address belongs to which NAT instance. */
export type AddressPair = { readonly instanceId: string; readonly allocationId: string; readonly publicIp: string };

/**
 * The pairs that a deploy wrote down. Where an instance of them is gone and one that nobody knows carries the stage's tags, that
 * one takes its place. Without a manifest that says so the stage's addresses are alike: each instance keeps the one that it has,
 * and those that are free go to those without, in order.
 */
export function pairAddresses(
  manifest: Manifest,
  instances: readonly StageInstance[],
  addresses: readonly ElasticIp[],
): readonly AddressPair[] {
  const nats = instances.filter((one) => isNat(one, manifest) && isThere(one));
  const wanted = manifest.network?.nat;
  if (wanted !== undefined) {
    const present = new Set(nats.map(({ id }) => id));
    const named = new Set(wanted.map(({ instance }) => instance));
    const newcomers = nats.filter(({ id }) => !named.has(id));
    return wanted.map(({ instance, allocation: allocationId, address: publicIp }) => ({
      instanceId: present.has(instance) ? instance : (newcomers.shift()?.id ?? instance),
      allocationId,
      publicIp,
    }));
  }
  const kept = addresses.filter(({ instanceId }) => nats.some(({ id }) => id === instanceId));
  const without = nats.filter(({ id }) => !kept.some(({ instanceId }) => instanceId === id));
  const free = addresses.filter((one) => !kept.includes(one));
  return [
    ...kept.map(({ instanceId = "", allocationId, publicIp }) => ({ instanceId, allocationId, publicIp })),
    ...without.flatMap(({ id: instanceId }, index) =>
      free.slice(index, index + 1).map(({ allocationId, publicIp }) => ({ instanceId, allocationId, publicIp })),
    ),
  ];
}

/** The table that a subnet has: by an association of its own, or the VPC's main one. */
export function tableOf(subnetId: string | undefined, tables: readonly StageRouteTable[]): StageRouteTable | undefined {
  if (subnetId === undefined) return undefined;
  return tables.find(({ subnetIds }) => subnetIds.includes(subnetId)) ?? tables.find(({ isMain }) => isMain);
}

/** For whatever is outside the VPC, by IPv4. */
export function defaultRouteOf(table: StageRouteTable): StageRoute | undefined {
  return table.routes.find(({ destination }) => destination === "0.0.0.0/0");
}

/** A table of private subnets, and the NAT instance that is to carry what leaves them. */
export type PrivateTable = { readonly table: StageRouteTable; readonly natInstanceId: string };

/**
 * The tables of the private subnets. Without a manifest that names these: the stage's own tables that neither lead to an
 * internet gateway nor are those of the NAT instances themselves. None for a stage without NAT instances.
 */
export function findPrivateTables(
  manifest: Manifest,
  instances: readonly StageInstance[],
  tables: readonly StageRouteTable[],
): readonly PrivateTable[] {
  const nats = instances.filter((one) => isNat(one, manifest) && isThere(one));
  const [first] = nats;
  if (first === undefined) return [];
  const wanted = manifest.network;
  if (wanted !== undefined) {
    const found = new Map<string, PrivateTable>();
    for (const [index, subnetId] of wanted.privateSubnets.entries()) {
      const table = tableOf(subnetId, tables);
      const nat = nats.find(({ id }) => id === wanted.nat[index]?.instance) ?? nats[index] ?? first;
      if (table !== undefined && !found.has(table.id)) found.set(table.id, { table, natInstanceId: nat.id });
    }
    return [...found.values()];
  }
  const ofNats = new Set(nats.map(({ subnetId }) => tableOf(subnetId, tables)?.id));
  const isPublic = ({ id, routes }: StageRouteTable) =>
    ofNats.has(id) || routes.some(({ target }) => target.startsWith("igw-"));
  return tables
    .filter((table) => table.subnetIds.length > 0 && !isPublic(table))
    .map((table, index) => ({ table, natInstanceId: (nats[index] ?? first).id }));
}
