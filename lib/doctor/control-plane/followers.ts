import type { Manifest } from "#lib/contract.ts";
import { type Fact, valueOf } from "#lib/control-plane/fact.ts";
import type { ElasticIp } from "#lib/control-plane/network/addresses.ts";
import type { Agent } from "#lib/control-plane/network/agents.ts";
import type { StageInstance } from "#lib/control-plane/network/instances.ts";
import type { StageRoute } from "#lib/control-plane/network/route-tables.ts";

/** The stage's instances that are gone or do not run. Empty where EC2 did not say. */
export function downInstances(
  { bastions, network }: Manifest,
  fact: Fact<readonly StageInstance[]>,
): ReadonlySet<string> {
  const instances = valueOf(fact);
  if (instances === undefined) return new Set();
  const running = new Set(instances.filter(({ state }) => state === "running").map(({ id }) => id));
  const wanted = [...bastions, ...(network?.nat ?? []).map(({ instance }) => instance)];
  return new Set(wanted.filter((id) => !running.has(id)));
}

/*
 * What is broken only because an instance is: no finding of its own, for there is nothing to mend in it, and no step that passed.
 * Undefined where nothing is.
 */

export function warnOfAgents(agents: readonly Agent[], down: ReadonlySet<string>): string | undefined {
  return join(
    agents
      .filter(({ pingStatus }) => pingStatus !== "Online")
      .map(({ instanceId, pingStatus }) => `${instanceId} ${pingStatus}${down.has(instanceId) ? follows : ""}`),
  );
}

/** An address stays with an instance that is stopped, and is attached to nothing once that is terminated. */
export function warnOfAddresses(addresses: readonly ElasticIp[], down: ReadonlySet<string>): string | undefined {
  if (down.size === 0) return undefined;
  return join(
    addresses
      .filter(({ instanceId, associationId }) => associationId === undefined || down.has(instanceId ?? ""))
      .map(({ publicIp, instanceId }) => `${publicIp} leads to ${instanceId ?? "nothing"}${follows}`),
  );
}

export function warnOfRoutes(
  routes: ReadonlyMap<string, StageRoute | undefined>,
  down: ReadonlySet<string>,
): string | undefined {
  if (down.size === 0) return undefined;
  return join(
    [...routes].flatMap(([table, out]) =>
      out?.isBlackhole === true || down.has(out?.instanceId ?? "")
        ? [`${table} leads to ${out?.instanceId ?? out?.target ?? "nothing"}, which does not run${follows}`]
        : [],
    ),
  );
}

const follows = " (follows from instances)";

function join(texts: readonly string[]): string | undefined {
  return texts.length === 0 ? undefined : texts.join("; ");
}
