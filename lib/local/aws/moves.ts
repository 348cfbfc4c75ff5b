import type { InstanceStateName } from "@aws-sdk/client-ec2";
import { agentReachesAws, listens } from "./reachability.ts";
import type { AwsResources } from "./resources.ts";
import { isInstance, replace, setDatabaseStatus, setInstanceState } from "./states.ts";

/** What happens by itself, if nothing comes between. */
export type Move = {
  /** The same for as long as it is the same move. */
  readonly key: string;
  readonly delayMs: number;
  readonly change: (before: AwsResources, now: Date) => AwsResources;
};

/** AWS takes up to minutes; who waits here waits for the same, in seconds. */
const delaysMs = { instance: 1500, agent: 1000, database: 1500, target: 1000 } as const;

const nextInstanceStates: Readonly<Partial<Record<InstanceStateName, InstanceStateName>>> = {
  pending: "running",
  stopping: "stopped",
  "shutting-down": "terminated",
};
const nextDatabaseStatuses: Readonly<Partial<Record<string, string>>> = { starting: "available", stopping: "stopped" };

/**
 * - an instance: pending → running, stopping → stopped, shutting-down → terminated
 * - an agent that is not online, and reaches Systems Manager: online
 * - a database: starting → available, stopping → stopped
 * - a proxy's target that was unreachable, of a database that listens: available
 */
export function findMoves(resources: AwsResources): readonly Move[] {
  const { instances, instanceInformation, dbInstances } = resources;
  return [
    ...instances.flatMap(({ InstanceId: id, State }) => {
      const next = nextInstanceStates[State?.Name ?? "running"];
      if (next === undefined) return [];
      return [move(`${id} ${next}`, "instance", (before, now) => moveInstance(before, id, next, now))];
    }),
    ...instanceInformation
      .filter(({ InstanceId, PingStatus }) => PingStatus !== "Online" && agentReachesAws(resources, InstanceId))
      .map(({ InstanceId }) =>
        move(`${InstanceId} agent`, "agent", (before, now) => findAgent(before, InstanceId, now)),
      ),
    ...dbInstances.flatMap(({ DBInstanceIdentifier: id, DBInstanceStatus }) => {
      const next = nextDatabaseStatuses[DBInstanceStatus ?? ""];
      if (next === undefined) return [];
      return [move(`${id} ${next}`, "database", (before, now) => setDatabaseStatus(before, id, next, now))];
    }),
    ...unreachableTargets(resources).map((proxy) =>
      move(`${proxy} target`, "target", (before) => findTargets(before, proxy)),
    ),
  ];
}

function move(key: string, kind: keyof typeof delaysMs, change: Move["change"]): Move {
  return { key, delayMs: delaysMs[kind], change };
}

/** Each start is a launch. */
function moveInstance(before: AwsResources, id: string, next: InstanceStateName, now: Date): AwsResources {
  const moved = setInstanceState(before, id, next);
  if (next !== "running") return moved;
  return { ...moved, instances: replace(moved.instances, isInstance(id), { LaunchTime: now }) };
}

function findAgent(before: AwsResources, id: string, now: Date): AwsResources {
  const members = { PingStatus: "Online", LastPingDateTime: now } as const;
  return { ...before, instanceInformation: replace(before.instanceInformation, isInstance(id), members) };
}

/** Proxies with a target that is not reached any more, though it listens. */
function unreachableTargets({ dbInstances, dbProxyTargets }: AwsResources): readonly string[] {
  const up = new Set(dbInstances.filter(listens).map((one) => one.DBInstanceIdentifier));
  return Object.entries(dbProxyTargets)
    .filter(([, targets]) =>
      targets.some((one) => one.TargetHealth?.Reason === "UNREACHABLE" && up.has(one.RdsResourceId ?? "")),
    )
    .map(([proxy]) => proxy);
}

function findTargets(before: AwsResources, proxy: string): AwsResources {
  const targets = replace(before.dbProxyTargets[proxy] ?? [], (one) => one.TargetHealth?.Reason === "UNREACHABLE", {
    TargetHealth: { State: "AVAILABLE" },
  });
  return { ...before, dbProxyTargets: { ...before.dbProxyTargets, [proxy]: targets } };
}
