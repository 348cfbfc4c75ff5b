import type { ElasticIp } from "#lib/control-plane/network/addresses.ts";
import type { StageInstance } from "#lib/control-plane/network/instances.ts";
import type { StageRouteTable } from "#lib/control-plane/network/route-tables.ts";
import type { RepairFacts } from "#lib/repair-nat/facts.ts";
import {
  type Address,
  hasAddress,
  type Instance,
  interfaceIdOf,
  isBlackhole,
  type Table,
  type World,
} from "./world.ts";

/** What AWS says of a world. */
export function observe(world: World): RepairFacts {
  const instances = [...world.instances.values()];
  return {
    manifest: world.manifest,
    instances: instances.map((one) => observeInstance(one, world)),
    addresses: [...world.addresses.values()].map(observeAddress),
    routeTables: [...world.tables.values()].map((one) => observeTable(one, world)),
    agents: instances
      .filter(({ state }) => state !== "terminated")
      .map((one) => ({ instanceId: one.id, pingStatus: isHeard(one, world) ? "Online" : "ConnectionLost" })),
    now: new Date(Date.UTC(2026, 0, 1)),
  };
}

function observeInstance(one: Instance, world: World): StageInstance {
  const { id, state, subnetId, check: sourceDestCheck, tags } = one;
  const common = { id, state, sourceDestCheck, groupIds: [], tags };
  // EC2 forgets the rest of what has ended.
  if (state === "terminated") return { ...common, networkInterfaceIds: [] };
  const there = { ...common, subnetId, networkInterfaceIds: [interfaceIdOf(id)] };
  return hasAddress(one, world) ? { ...there, publicIp: one.otherIp ?? "203.0.113.1" } : there;
}

function observeAddress({ allocationId, holder, tags }: Address): ElasticIp {
  const common = { allocationId, publicIp: `203.0.113.${allocationId.at(-1)}`, tags };
  if (holder === undefined) return common;
  const attached = { ...common, associationId: `eipassoc-${holder}` };
  if (holder.startsWith("eni-")) return { ...attached, networkInterfaceId: holder };
  return { ...attached, instanceId: holder, networkInterfaceId: interfaceIdOf(holder) };
}

function observeTable({ id, subnetId, target, tags }: Table, world: World): StageRouteTable {
  const common = { id, subnetIds: [subnetId], isMain: false, tags };
  if (target === undefined) return { ...common, routes: [] };
  return { ...common, routes: [{ destination: "0.0.0.0/0", target, isBlackhole: isBlackhole(target, world) }] };
}

function isHeard(one: Instance, world: World): boolean {
  return one.state === "running" && hasAddress(one, world) && !one.isHung;
}
