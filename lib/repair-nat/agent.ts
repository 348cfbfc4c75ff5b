import type { StageInstance } from "#lib/control-plane/network/instances.ts";
import type { Draft } from "./findings.ts";
import type { RepairFacts } from "./facts.ts";
import { isNat } from "#lib/control-plane/network/expected.ts";

/** An agent registers within a minute or two of its instance's start. Before, the silence of one that was not heard since says nothing. */
const startUpMs = 180_000;

/**
 * Plans the reboot of a bastion whose agent is silent although nothing else is wrong with it. The agent starts with the instance;
 * Session Manager, by which it could be told to, does not reach it.
 */
export function planReboot(keeper: StageInstance, scene: { readonly facts: RepairFacts; readonly draft: Draft }): void {
  const { facts, draft } = scene;
  const { agents, manifest, now } = facts;
  const { id: resource, state, launchedAt } = keeper;
  const isBastion = manifest.tunnel !== undefined && manifest.bastions.includes(resource);
  if (!isBastion || state !== "running") return;
  if (agents === undefined) {
    draft.left.push({
      resource,
      message: "Whether its agent is online is not known: Session Manager could not be asked.",
    });
    return;
  }
  const agent = agents.find(({ instanceId }) => instanceId === resource);
  const from = agent?.pingStatus ?? "never registered";
  if (from === "Online") return;
  const wasHeard = agent?.lastPingAt !== undefined && launchedAt !== undefined && agent.lastPingAt >= launchedAt;
  if (launchedAt !== undefined && !wasHeard && now.getTime() - launchedAt.getTime() < startUpMs) {
    const message = `Its agent is not online, but it was started only now: that takes up to ${startUpMs / 60_000} minutes.`;
    draft.unmended.push({ resource, message, fix: "Wait, then run this again." });
    return;
  }
  const sessions = "every session through this bastion";
  draft.steps.push({
    kind: "reboot-instance",
    resource,
    from,
    to: "Online",
    why: "Nothing else is wrong with it, and its agent does not answer Session Manager.",
    cuts: isNat(keeper, manifest) ? `${sessions}, and for about a minute what leaves its private subnet` : sessions,
  });
}
