import type { Manifest } from "#lib/contract.ts";
import { valueOf } from "../fact.ts";
import type { ElasticIp } from "./addresses.ts";
import type { Agent } from "./agents.ts";
import {
  type AddressPair,
  defaultRouteOf,
  findPrivateTables,
  isNat,
  isThere,
  pairAddresses,
  tableOf,
} from "./expected.ts";
import type { StageInstance } from "./instances.ts";
import type { NetworkFacts } from "./read-network.ts";
import type { StageRoute, StageRouteTable } from "./route-tables.ts";

/** One thing in which AWS differs from what the stage needs. `isNat`: private subnets lose their way out by it. */
export type NetworkProblem =
  /** The manifest names it, and there is no such instance any more. `replacementId`: one that carries the stage's tags instead. */
  | { readonly kind: "instance-gone"; readonly instanceId: string; readonly replacementId?: string }
  | { readonly kind: "instance-stopped"; readonly instanceId: string; readonly state: string; readonly isNat: boolean }
  /** Released: the account has it no more. */
  | ({ readonly kind: "address-gone" } & LostAddress)
  | ({ readonly kind: "address-detached"; readonly address: ElasticIp } & LostAddress)
  /** Attached to something that is no instance of the stage. */
  | ({ readonly kind: "address-elsewhere"; readonly address: ElasticIp } & LostAddress)
  /** A NAT instance without an address, and the stage has none for it. */
  | { readonly kind: "address-none"; readonly instanceId: string }
  /** It drops what is not addressed to itself. */
  | { readonly kind: "source-dest-check"; readonly instanceId: string }
  /** Private subnets without a default route, and the instance that it should lead to. */
  | { readonly kind: "route-missing"; readonly table: StageRouteTable; readonly natInstanceId: string }
  /** The default route leads to what is gone or stopped. */
  | {
      readonly kind: "route-dead";
      readonly table: StageRouteTable;
      readonly route: StageRoute;
      readonly natInstanceId: string;
    }
  /** The default route leads to an instance that is none of the stage's. */
  | {
      readonly kind: "route-elsewhere";
      readonly table: StageRouteTable;
      readonly route: StageRoute;
      readonly natInstanceId: string;
    }
  /** The subnet of a NAT instance has no way to the internet itself. */
  | { readonly kind: "gateway-missing"; readonly table: StageRouteTable; readonly instanceId: string }
  /** A running bastion that Session Manager does not hear. `agent` absent: it never registered. */
  | { readonly kind: "agent-offline"; readonly instanceId: string; readonly agent?: Agent };

/** `insteadIp`: another one, by which the instance gets out all the same. */
type LostAddress = { readonly pair: AddressPair; readonly insteadIp?: string };

/**
 * What is wrong with a stage's network, the likeliest root first: instances, addresses, forwarding, routes, agents. Pure. What
 * is not known is not wrong: a fact that could not be read makes no problem.
 */
export function findNetworkProblems(manifest: Manifest, facts: NetworkFacts): readonly NetworkProblem[] {
  const instances = valueOf(facts.instances);
  if (instances === undefined) return [];
  return [
    ...findInstanceProblems(manifest, instances),
    ...findAddressProblems(manifest, instances, valueOf(facts.addresses)),
    ...findForwardingProblems(manifest, instances),
    ...findRouteProblems(manifest, instances, valueOf(facts.routeTables)),
    ...findAgentProblems(manifest, instances, valueOf(facts.agents)),
  ];
}

function findInstanceProblems(manifest: Manifest, instances: readonly StageInstance[]): NetworkProblem[] {
  const named = new Set([...manifest.bastions, ...(manifest.network?.nat ?? []).map(({ instance }) => instance)]);
  const newcomers = instances.filter((one) => !named.has(one.id) && isThere(one) && isNat(one, manifest));
  const problems: NetworkProblem[] = [];
  for (const instanceId of named) {
    const instance = instances.find(({ id }) => id === instanceId);
    if (instance === undefined || !isThere(instance)) {
      const replacementId = newcomers.shift()?.id;
      problems.push({ kind: "instance-gone", instanceId, ...(replacementId === undefined ? {} : { replacementId }) });
    }
  }
  for (const instance of instances.filter((one) => isThere(one) && (named.has(one.id) || isNat(one, manifest)))) {
    const { id: instanceId, state } = instance;
    if (state === "running") continue;
    problems.push({ kind: "instance-stopped", instanceId, state, isNat: isNat(instance, manifest) });
  }
  return problems;
}

function findAddressProblems(
  manifest: Manifest,
  instances: readonly StageInstance[],
  addresses: readonly ElasticIp[] | undefined,
): NetworkProblem[] {
  if (addresses === undefined) return [];
  const there = new Set(instances.filter(isThere).map(({ id }) => id));
  const pairs = pairAddresses(manifest, instances, addresses);
  const ofPairs = pairs.flatMap((pair): NetworkProblem[] => {
    const address = addresses.find(({ allocationId }) => allocationId === pair.allocationId);
    const insteadIp = instances.find(({ id }) => id === pair.instanceId)?.publicIp;
    // EC2 may tell of one that was just taken away.
    const isOther = insteadIp !== undefined && insteadIp !== pair.publicIp;
    const lost = { pair, ...(isOther ? { insteadIp } : {}) };
    if (address === undefined) return [{ kind: "address-gone", ...lost }];
    if (address.associationId === undefined) return [{ kind: "address-detached", ...lost, address }];
    // Another one of the stage's own has the way out as well.
    const isOurs = address.instanceId !== undefined && there.has(address.instanceId);
    return isOurs ? [] : [{ kind: "address-elsewhere", ...lost, address }];
  });
  const without = instances.filter(
    (one) =>
      one.state === "running" &&
      isNat(one, manifest) &&
      one.publicIp === undefined &&
      !pairs.some(({ instanceId }) => instanceId === one.id),
  );
  return [...ofPairs, ...without.map(({ id }) => ({ kind: "address-none", instanceId: id }) as const)];
}

function findForwardingProblems(manifest: Manifest, instances: readonly StageInstance[]): NetworkProblem[] {
  return instances
    .filter((one) => one.state === "running" && isNat(one, manifest) && one.sourceDestCheck === true)
    .map(({ id }) => ({ kind: "source-dest-check", instanceId: id }));
}

/** A way out by something else (a NAT gateway, a transit gateway) is as good. */
function findRouteProblems(
  manifest: Manifest,
  instances: readonly StageInstance[],
  tables: readonly StageRouteTable[] | undefined,
): NetworkProblem[] {
  if (tables === undefined) return [];
  const ours = new Set(instances.map(({ id }) => id));
  const ofPrivate = findPrivateTables(manifest, instances, tables).flatMap(
    ({ table, natInstanceId }): NetworkProblem[] => {
      const route = defaultRouteOf(table);
      if (route === undefined) return [{ kind: "route-missing", table, natInstanceId }];
      if (route.isBlackhole) return [{ kind: "route-dead", table, route, natInstanceId }];
      const isForeign = route.instanceId !== undefined && !ours.has(route.instanceId);
      return isForeign ? [{ kind: "route-elsewhere", table, route, natInstanceId }] : [];
    },
  );
  const ofNats = instances
    .filter((one) => isThere(one) && isNat(one, manifest))
    .flatMap(({ id: instanceId, subnetId }): NetworkProblem[] => {
      const table = tableOf(subnetId, tables);
      const isLed = table === undefined || defaultRouteOf(table)?.isBlackhole === false;
      return isLed ? [] : [{ kind: "gateway-missing", table, instanceId }];
    });
  return [...ofPrivate, ...ofNats];
}

function findAgentProblems(
  { bastions, tunnel }: Manifest,
  instances: readonly StageInstance[],
  agents: readonly Agent[] | undefined,
): NetworkProblem[] {
  if (agents === undefined || tunnel === undefined) return [];
  const running = instances.filter(({ id, state }) => state === "running" && bastions.includes(id));
  return running.flatMap(({ id: instanceId }): NetworkProblem[] => {
    const agent = agents.find((one) => one.instanceId === instanceId);
    if (agent?.pingStatus === "Online") return [];
    return [{ kind: "agent-offline", instanceId, ...(agent === undefined ? {} : { agent }) }];
  });
}
