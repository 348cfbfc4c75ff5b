import type { ElasticIp } from "#lib/control-plane/network/addresses.ts";
import type { StageInstance } from "#lib/control-plane/network/instances.ts";
import type { RepairFacts } from "./facts.ts";
import { addressOf, isOurs, isRunning, type Zone } from "./zones.ts";

/** A keeper without an address, and the one that it is to be given. */
export type Assignment = { readonly zone: Zone; readonly keeper: StageInstance; readonly address: ElasticIp };

/**
 * Gives each NAT instance that is to be kept an address: the one that the deploy gave it, where that is free, else one of the
 * stage's that is left over; for the world outside they are alike. Pure.
 *
 * Free is what is attached to nothing, or to an instance of the stage that does not run and is not to be kept. What a running
 * instance has, or an interface that is no instance's of the stage, is never taken.
 */
export function assignAddresses(zones: readonly Zone[], facts: RepairFacts): readonly Assignment[] {
  const keepers = new Set(zones.map(({ keeper }) => keeper?.id));
  const free = facts.addresses.filter((one) => isOurs(one.tags, facts) && isFree(one, keepers, facts));
  const needing = zones.flatMap((zone) => {
    const { keeper, nat } = zone;
    if (keeper === undefined || nat === undefined || !isOurs(keeper.tags, facts)) return [];
    return addressOf(keeper, facts) === undefined ? [{ zone, keeper, wanted: nat.allocationId }] : [];
  });
  // First those that get their own: none of the others may take it before.
  const own = needing.map(({ wanted }) => free.find(({ allocationId }) => allocationId === wanted));
  const rest = free.filter((one) => !own.includes(one));
  return needing.flatMap(({ zone, keeper }, index) => {
    // One in the place of another is known by the zone's own address, and by no other.
    const address = own[index] ?? (keeper.id === zone.instanceId ? rest.shift() : undefined);
    return address === undefined ? [] : [{ zone, keeper, address }];
  });
}

function isFree(
  { associationId, instanceId }: ElasticIp,
  keepers: ReadonlySet<string | undefined>,
  facts: RepairFacts,
): boolean {
  if (associationId === undefined) return true;
  const holder = facts.instances.find(({ id }) => id === instanceId);
  return holder !== undefined && isOurs(holder.tags, facts) && !isRunning(holder) && !keepers.has(holder.id);
}
