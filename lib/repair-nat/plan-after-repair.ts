import type { Clock } from "#lib/base/clock.ts";
import type { RepairFacts } from "./facts.ts";
import type { RepairPlan } from "./findings.ts";
import { planRepair } from "./plan.ts";
import { findZones, isRunning } from "./zones.ts";

export type SettleOptions = {
  readonly readFacts: () => Promise<RepairFacts>;
  /** How long to wait for the agents. */
  readonly waitMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

const pollMs = 2000;

/**
 * Plans anew after a repair, when the agents have had their time: one that was without a way out, or whose instance was started,
 * registers again by itself, and a plan that was made before would want to reboot it.
 */
export async function planAfterRepair({ readFacts, waitMs, clock, signal }: SettleOptions): Promise<RepairPlan> {
  const startMs = clock.nowMs();
  for (;;) {
    const facts = await readFacts();
    if (areHeard(facts) || clock.nowMs() - startMs >= waitMs) return planRepair(facts);
    await clock.sleep(pollMs, signal);
  }
}

/** Whether Session Manager hears every bastion that runs; true, too, where it may not be asked. */
function areHeard(facts: RepairFacts): boolean {
  const { manifest, agents } = facts;
  if (manifest.tunnel === undefined || agents === undefined) return true;
  return findZones(facts).every(({ keeper }) => {
    if (keeper === undefined || !isRunning(keeper) || !manifest.bastions.includes(keeper.id)) return true;
    return agents.some(({ instanceId, pingStatus }) => instanceId === keeper.id && pingStatus === "Online");
  });
}
