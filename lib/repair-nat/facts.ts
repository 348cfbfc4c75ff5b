import { PosternError } from "#lib/base/errors.ts";
import type { Clock } from "#lib/base/clock.ts";
import type { Manifest } from "#lib/contract.ts";
import type { AskOptions, Fact } from "#lib/control-plane/fact.ts";
import type { ElasticIp } from "#lib/control-plane/network/addresses.ts";
import type { Agent } from "#lib/control-plane/network/agents.ts";
import type { StageInstance } from "#lib/control-plane/network/instances.ts";
import { readNetwork } from "#lib/control-plane/network/read-network.ts";
import type { StageRouteTable } from "#lib/control-plane/network/route-tables.ts";

/** What a plan is made from. */
export type RepairFacts = {
  readonly manifest: Manifest;
  readonly instances: readonly StageInstance[];
  readonly addresses: readonly ElasticIp[];
  readonly routeTables: readonly StageRouteTable[];
  /** Absent where Session Manager may not be asked. */
  readonly agents?: readonly Agent[];
  readonly now: Date;
};

const limitMs = 10_000;

/**
 * As the doctor reads them, but here what is not known ends it: a plan that was made without the addresses would take a zone
 * for broken that is well.
 *
 * @throws PosternError `aws.*` for what could not be read; the agents may stay unknown
 */
export async function readRepairFacts(
  manifest: Manifest,
  { clock, ...options }: AskOptions & { readonly clock: Clock },
): Promise<RepairFacts> {
  const { instances, addresses, routeTables, agents } = await readNetwork(manifest, { limitMs, clock, ...options });
  return {
    manifest,
    instances: known(instances),
    addresses: known(addresses),
    routeTables: known(routeTables),
    ...(agents.kind === "known" ? { agents: agents.value } : {}),
    now: clock.wallTime(),
  };
}

function known<Value>(fact: Fact<Value>): Value {
  if (fact.kind === "known") return fact.value;
  throw new PosternError(fact.code, `The stage's network could not be read: ${fact.because}.`);
}
