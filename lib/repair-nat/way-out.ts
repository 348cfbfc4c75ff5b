import { defaultRouteOf, tableOf } from "#lib/control-plane/network/expected.ts";
import type { StageInstance } from "#lib/control-plane/network/instances.ts";
import type { StageRouteTable } from "#lib/control-plane/network/route-tables.ts";
import { redeploy } from "#lib/control-plane/redeploy.ts";
import type { RepairFinding } from "./result.ts";
import type { Assignment } from "./addresses.ts";
import type { RepairFacts } from "./facts.ts";
import type { Draft } from "./findings.ts";
import { judgeRoute } from "./routes.ts";
import { addressOf, interfaceOf, isOurs, type Zone } from "./zones.ts";

/** What a zone is planned with. */
export type Scene = {
  readonly assignments: readonly Assignment[];
  /** The instances that will forward when all steps are done. */
  readonly carriers: readonly StageInstance[];
  readonly facts: RepairFacts;
  readonly draft: Draft;
};

type Nat = NonNullable<Zone["nat"]>;

/**
 * Plans address, forwarding and route of a NAT instance that is to be kept.
 *
 * @returns false where it has no way out even when the steps are done
 */
export function planWayOut(keeper: StageInstance, nat: Nat, scene: Scene): boolean {
  const { facts, carriers, draft } = scene;
  const { id: resource } = keeper;
  planAddress(keeper, nat, scene);
  if (keeper.sourceDestCheck === true) {
    const why = "It drops what is not addressed to itself, which is everything that it should forward.";
    draft.steps.push({ kind: "turn-off-source-dest-check", resource, from: "on", to: "off", why });
  }
  if (!carriers.includes(keeper)) return false;
  for (const table of nat.tables) planRoute(table, keeper, scene);
  for (const subnet of nat.bareSubnets) {
    draft.unmended.push({
      resource: subnet,
      message: "It has no route table of its own.",
      fix: redeploy(facts.manifest.stage),
    });
  }
  const ownTable = tableOf(keeper.subnetId, facts.routeTables);
  const route = ownTable === undefined ? undefined : defaultRouteOf(ownTable);
  if (ownTable === undefined || route?.isBlackhole === false) return true;
  const message = `The subnet of ${resource} itself has no route to the internet.`;
  draft.unmended.push({ resource: ownTable.id, message, fix: redeploy(facts.manifest.stage) });
  return false;
}

function planAddress(keeper: StageInstance, nat: Nat, { assignments, facts, draft }: Scene): void {
  if (addressOf(keeper, facts) !== undefined) return;
  const { id } = keeper;
  const address = assignments.find((one) => one.keeper === keeper)?.address;
  if (address === undefined) {
    draft.unmended.push(explainNoAddress(keeper, nat, facts));
    return;
  }
  const { allocationId: resource, publicIp, instanceId: from = "nothing" } = address;
  const step = { kind: "associate-address", resource, from, to: id } as const;
  const free = `${publicIp} is the stage's and free.`;
  // EC2 may tell of one that was just taken away.
  if (keeper.publicIp === undefined || keeper.publicIp === publicIp) {
    draft.steps.push({ ...step, why: `${id} has no public address, and nothing gets out through it; ${free}` });
    return;
  }
  // EC2 takes that one away from it.
  const cuts = `what goes out through ${id}, and every session through it, for they have ${keeper.publicIp}`;
  draft.steps.push({ ...step, why: `${id} ${describeAddress(keeper)}; ${free}`, cuts });
}

function planRoute(table: StageRouteTable, keeper: StageInstance, { carriers, facts, draft }: Scene): void {
  const to = interfaceOf(keeper);
  if (to === undefined || !isOurs(table.tags, facts)) {
    const message = "The private subnet's route table lacks the stage's tags, and is left alone.";
    draft.unmended.push({ resource: table.id, message, fix: redeploy(facts.manifest.stage) });
    return;
  }
  const { id: resource } = table;
  const whose = `${to} is the interface of ${keeper.id}.`;
  const judged = judgeRoute(table, keeper, carriers, facts);
  switch (judged.kind) {
    case "right":
      return;
    case "leave":
      draft.left.push({ resource, message: `Its default route stays: ${judged.because}.` });
      return;
    case "doubt": {
      const message = `Its default route leads to ${judged.target}, which is none of the stage's, and is left alone.`;
      const command = `aws ec2 replace-route --route-table-id ${resource} --destination-cidr-block 0.0.0.0/0 --network-interface-id ${to}`;
      draft.unmended.push({ resource, message, fix: `If that is not meant: ${command}` });
      return;
    }
    case "create": {
      const why = `The private subnet has no default route; ${whose}`;
      draft.steps.push({ kind: "create-route", resource, from: "nothing", to, why });
      return;
    }
    case "replace": {
      const why = `The default route is of no use: ${judged.because}; ${whose}`;
      draft.steps.push({ kind: "replace-route", resource, from: judged.target, to, why });
      return;
    }
    default:
      judged satisfies never;
  }
}

/** Why a NAT instance gets no address, and who can give it one. */
function explainNoAddress(keeper: StageInstance, { allocationId }: Nat, facts: RepairFacts): RepairFinding {
  const { id } = keeper;
  const has = `${id} ${describeAddress(keeper)}`;
  const address = facts.addresses.find((one) => one.allocationId === allocationId);
  if (address === undefined) {
    const message = `${has}, and the stage has none that is free: only a deploy makes one.`;
    return { resource: allocationId ?? id, message, fix: redeploy(facts.manifest.stage) };
  }
  const { publicIp, instanceId, networkInterfaceId } = address;
  const resource = address.allocationId;
  if (!isOurs(address.tags, facts)) {
    const message = `${has}; ${publicIp} lacks the stage's tags, and is left alone.`;
    return { resource, message, fix: redeploy(facts.manifest.stage) };
  }
  const holder = instanceId ?? networkInterfaceId ?? "something else";
  const message = `${has}; ${publicIp} is attached to ${holder}, from which it is not taken.`;
  return { resource, message, fix: "Detach it there if it is not meant to be, then run this again." };
}

function describeAddress({ publicIp }: StageInstance): string {
  return publicIp === undefined ? "has no public address" : `has ${publicIp}, which is not the stage's`;
}
