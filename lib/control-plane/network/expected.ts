import type { Manifest, NatParts, NetworkParts } from "#lib/contract.ts";
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

/** A NAT instance as the deploy wrote it down, and the private subnets that it is to serve. */
export type NatZone = { readonly nat: NatParts; readonly subnets: readonly string[] };

/** Each instance serves the subnet of its index; where a stage has fewer of them than of subnets, these go round. */
export function natZones({ privateSubnets, nat }: NetworkParts): readonly NatZone[] {
  return nat.map((one, index) => ({
    nat: one,
    subnets: privateSubnets.filter((_subnet, at) => at % nat.length === index),
  }));
}

/** Which address belongs to which NAT instance. */
export type AddressPair = { readonly instanceId: string; readonly allocationId: string; readonly publicIp: string };

/**
 * The pairs that a deploy wrote down, each with the instance that is there for it (`carriersOf`). Without a manifest that says so
 * the stage's addresses are alike: each instance keeps the one that it has, and those that are free go to those without, in order.
 */
export function pairAddresses(
  manifest: Manifest,
  instances: readonly StageInstance[],
  addresses: readonly ElasticIp[],
): readonly AddressPair[] {
  const nats = instances.filter((one) => isNat(one, manifest) && isThere(one));
  const wanted = manifest.network?.nat;
  if (wanted !== undefined) {
    const carriers = carriersOf(wanted, nats);
    return wanted.map(({ instance, allocation: allocationId, address: publicIp }) => ({
      instanceId: carriers.get(instance) ?? instance,
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

/**
 * The instance for each that a deploy wrote down: itself; where it is gone, one that nobody knows and that carries the stage's
 * tags; itself where there is none.
 */
function carriersOf(wanted: readonly NatParts[], nats: readonly StageInstance[]): ReadonlyMap<string, string> {
  const present = new Set(nats.map(({ id }) => id));
  const named = new Set(wanted.map(({ instance }) => instance));
  const newcomers = nats.filter(({ id }) => !named.has(id));
  return new Map(
    wanted.map(({ instance }) => [instance, present.has(instance) ? instance : (newcomers.shift()?.id ?? instance)]),
  );
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
    const carriers = carriersOf(wanted.nat, nats);
    const found = new Map<string, PrivateTable>();
    for (const { nat, subnets } of natZones(wanted)) {
      const natInstanceId = carriers.get(nat.instance) ?? nat.instance;
      for (const subnetId of subnets) {
        const table = tableOf(subnetId, tables);
        if (table !== undefined && !found.has(table.id)) found.set(table.id, { table, natInstanceId });
      }
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
