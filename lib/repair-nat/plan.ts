import { isNat, isThere } from "#lib/control-plane/network/expected.ts";
import type { StageInstance } from "#lib/control-plane/network/instances.ts";
import { redeploy } from "#lib/control-plane/redeploy.ts";
import { assignAddresses } from "./addresses.ts";
import { planReboot } from "./agent.ts";
import type { RepairFacts } from "./facts.ts";
import type { Draft, RepairPlan } from "./findings.ts";
import { planWayOut, type Scene } from "./way-out.ts";
import { findZones, hasPublicAddress, isOurs, isRunning, type Zone } from "./zones.ts";

/**
 * Decides what gives a stage's private subnets their way out again, and its bastions their sessions. Pure.
 *
 * Zone by zone, and in each: the instance runs, has its address, forwards what is not addressed to itself, and is where the
 * route leads. Last, where none of that was wrong and its agent is silent all the same, it is rebooted.
 *
 * Each step can be repeated, and the plan that is made after it is what is left of this one. Only a reboot may come new, when
 * all else is done and the agent stays silent.
 *
 * 1. Nothing is touched that lacks the stage's tags, whoever names it.
 * 2. No address is taken from an instance that runs, or from what is no instance of the stage.
 * 3. No route is changed that leads to something that works, or to something of somebody else's that is there.
 * 4. What is not there (an address, an instance, a table) is not made: the deploy's state would not know it.
 */
export function planRepair(facts: RepairFacts): RepairPlan {
  const draft: Draft = { steps: [], unmended: [], left: [] };
  const zones = findZones(facts);
  const assignments = assignAddresses(zones, facts);
  const carriers = zones.flatMap(({ nat, keeper }) => {
    if (nat === undefined || keeper === undefined || !isOurs(keeper.tags, facts)) return [];
    const isGiven = assignments.some((one) => one.keeper === keeper);
    return isGiven || hasPublicAddress(keeper, facts) ? [keeper] : [];
  });
  for (const zone of zones) planZone(zone, { assignments, carriers, facts, draft });
  tellOthers(zones, facts, draft);
  if (zones.length === 0 && facts.manifest.network === undefined) tellUnknown(facts, draft);
  return draft;
}

function planZone(zone: Zone, scene: Scene): void {
  const { facts, draft } = scene;
  const { keeper, instanceId, nat } = zone;
  if (!isUsable(keeper, zone, scene)) return;
  const before = draft.steps.length;
  if (!isRunning(keeper)) {
    const { id: resource } = keeper;
    draft.steps.push({ kind: "start-instance", resource, from: "stopped", to: "running", why: "It does not run." });
  }
  const hasWayOut = nat === undefined || planWayOut(keeper, nat, scene);
  if (draft.steps.length === before && hasWayOut) planReboot(keeper, scene);
  if (keeper.id === instanceId) return;
  const message = `${keeper.id} is in the place of ${instanceId}, which the manifest names: a deploy did not end.`;
  draft.unmended.push({
    resource: instanceId,
    message,
    fix: `npx sst deploy --stage ${facts.manifest.stage}`,
  });
}

function isUsable(
  keeper: StageInstance | undefined,
  { instanceId: resource }: Zone,
  { facts, draft }: Scene,
): keeper is StageInstance {
  const fix = redeploy(facts.manifest.stage);
  if (keeper === undefined) {
    draft.unmended.push({ resource, message: "The instance is gone, and none is in its place.", fix });
    return false;
  }
  if (isOurs(keeper.tags, facts)) return true;
  draft.unmended.push({ resource: keeper.id, message: "It lacks the stage's tags, and is left alone.", fix });
  return false;
}

/** Instances beside those that are kept: of a replacement that did not end. */
function tellOthers(zones: readonly Zone[], facts: RepairFacts, { unmended }: Draft): void {
  const kept = new Set(zones.map(({ keeper }) => keeper?.id));
  const fix = `npx sst deploy --stage ${facts.manifest.stage}`;
  for (const one of facts.instances) {
    if (kept.has(one.id) || !isThere(one) || !isNat(one, facts.manifest)) continue;
    unmended.push({ resource: one.id, message: `It is ${one.state} and carries no zone: a deploy did not end.`, fix });
  }
}

/** A manifest of before, and no instance by whose tags the network would be known: that is not the same as a network that is well. */
function tellUnknown({ manifest: { stage } }: RepairFacts, { unmended }: Draft): void {
  const message = "Its manifest does not name its network, and no NAT instance carries its tags.";
  unmended.push({ resource: stage, message, fix: `npx sst deploy --stage ${stage}: it writes down what there is` });
}
