import { appName, type NetworkParts, tagKeys } from "#lib/contract.ts";
import type { ElasticIp } from "#lib/control-plane/network/addresses.ts";
import {
  defaultRouteOf,
  findPrivateTables,
  isNat,
  isThere,
  natZones,
  pairAddresses,
} from "#lib/control-plane/network/expected.ts";
import type { StageInstance } from "#lib/control-plane/network/instances.ts";
import type { StageRouteTable } from "#lib/control-plane/network/route-tables.ts";
import type { Tags } from "#lib/control-plane/stage-tags.ts";
import type { RepairFacts } from "./facts.ts";

/** As `infra/tags.ts` puts it on everything whose logical name begins with `Network`. */
const networkPart = "network";

/** A way out of the stage's private subnets as the deploy made it, and what there is of it. */
export type Zone = {
  /** The instance that the manifest names. */
  readonly instanceId: string;
  /** Absent for a bastion that is no NAT instance: it has neither address nor routes. */
  readonly nat?: {
    /** Absent where nobody knows which is meant: any address of the stage will do. */
    readonly allocationId?: string;
    /** Of its private subnets: one, but where a stage has fewer instances than private subnets. */
    readonly tables: readonly StageRouteTable[];
    /** Private subnets without a table of their own. */
    readonly bareSubnets: readonly string[];
  };
  /** The instance that is to carry it; absent where none is left. */
  readonly keeper?: StageInstance;
};

/**
 * The zones of a stage, each with the instance that it is to keep. Pure.
 *
 * That is the one that the manifest names, for the command line looks for it; unless another one of the stage's works in its
 * place: it runs and has the zone's address. Where the named one is gone, it is the one that has the address, or that runs without
 * any and the route leads to: a replacement whose deploy did not live to publish it. Any other is left alone.
 *
 * A manifest of before knows no zones: then each NAT instance that it names as a bastion is one; without bastions, each that there is.
 */
export function findZones(facts: RepairFacts): readonly Zone[] {
  const { bastions, network } = facts.manifest;
  const zones = network === undefined ? zonesByTags(facts) : zonesOf(facts, network);
  const known = new Set(zones.flatMap(({ instanceId, keeper }) => [instanceId, keeper?.id]));
  return [...zones, ...bastions.filter((id) => !known.has(id)).map((id) => bastionOf(id, facts))];
}

/**
 * Whether the tags say that the stage made it, for its network. Nothing else is touched, whoever names it: a stage may have
 * addresses of its own for something else.
 */
export function isOurs(tags: Tags, { manifest }: RepairFacts): boolean {
  const { app, stage, part } = tagKeys;
  return tags[app] === appName && tags[stage] === manifest.stage && tags[part] === networkPart;
}

/** It runs, or will without anybody's doing. */
export function isRunning({ state }: StageInstance): boolean {
  return state === "running" || state === "pending";
}

export function addressOf(instance: StageInstance, facts: RepairFacts): ElasticIp | undefined {
  return facts.addresses.find(({ instanceId }) => instanceId === instance.id);
}

/** By the stage's address or by any other: where one was lost, somebody may have given it another by hand. */
export function hasPublicAddress(instance: StageInstance, facts: RepairFacts): boolean {
  return addressOf(instance, facts) !== undefined || instance.publicIp !== undefined;
}

/** Routes lead to interfaces, not to instances. */
export function interfaceOf(instance: StageInstance): string | undefined {
  return instance.networkInterfaceIds[0];
}

function zonesOf(facts: RepairFacts, network: NetworkParts): readonly Zone[] {
  const taken = new Set(network.nat.map(({ instance }) => instance));
  return natZones(network).map(({ nat: { instance, allocation }, subnets }) => {
    const tableOf = (subnet: string) => facts.routeTables.find(({ subnetIds }) => subnetIds.includes(subnet));
    const tables = subnets.flatMap((subnet) => tableOf(subnet) ?? []);
    const routed = new Set(tables.map((table) => defaultRouteOf(table)?.target));
    const spare = facts.instances.filter((one) => isThere(one) && isOurs(one.tags, facts) && !taken.has(one.id));
    const holder = spare.find((one) => addressOf(one, facts)?.allocationId === allocation);
    const keeper =
      (holder !== undefined && isRunning(holder) ? holder : undefined) ??
      facts.instances.find((one) => one.id === instance && isThere(one)) ??
      holder ??
      spare.find((one) => isRunning(one) && addressOf(one, facts) === undefined && routed.has(interfaceOf(one)));
    if (keeper !== undefined) taken.add(keeper.id);
    const bareSubnets = subnets.filter((subnet) => tableOf(subnet) === undefined);
    const nat = { allocationId: allocation, tables: [...new Set(tables)], bareSubnets };
    return keeper === undefined ? { instanceId: instance, nat } : { instanceId: instance, nat, keeper };
  });
}

function zonesByTags({ manifest, instances, addresses, routeTables }: RepairFacts): readonly Zone[] {
  const { bastions } = manifest;
  const pairs = pairAddresses(manifest, instances, addresses);
  const tables = findPrivateTables(manifest, instances, routeTables);
  return instances
    .filter((one) => isThere(one) && isNat(one, manifest) && (bastions.length === 0 || bastions.includes(one.id)))
    .map((keeper) => {
      const allocationId = pairs.find(({ instanceId }) => instanceId === keeper.id)?.allocationId;
      const own = tables.filter(({ natInstanceId }) => natInstanceId === keeper.id).map(({ table }) => table);
      const nat = { tables: own, bareSubnets: [] };
      return { instanceId: keeper.id, nat: allocationId === undefined ? nat : { ...nat, allocationId }, keeper };
    });
}

function bastionOf(instanceId: string, { instances }: RepairFacts): Zone {
  const keeper = instances.find((one) => one.id === instanceId && isThere(one));
  return { instanceId, ...(keeper === undefined ? {} : { keeper }) };
}
