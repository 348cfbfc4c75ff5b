import type { InstanceState, InstanceStateName } from "@aws-sdk/client-ec2";
import type { AwsResources, LocalInstance } from "./resources.ts";

/** EC2's numbers for its states. */
const instanceStateCodes: Readonly<Record<InstanceStateName, number>> = {
  pending: 0,
  running: 16,
  "shutting-down": 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};

function instanceState(Name: InstanceStateName): InstanceState {
  return { Code: instanceStateCodes[Name], Name };
}

/**
 * A terminated instance takes the interfaces with it that were made with it, and stays terminated. One that comes up has its
 * agent again, and begins its checks anew.
 */
export function setInstanceState(before: AwsResources, id: string, name: InstanceStateName): AwsResources {
  if (before.instances.some((one) => one.InstanceId === id && one.State?.Name === "terminated")) return before;
  const isGone = name === "terminated";
  const comesUp = name === "pending";
  return {
    ...before,
    instances: replace(before.instances, isInstance(id), { State: instanceState(name) }),
    instanceStatuses: comesUp
      ? before.instanceStatuses.filter((one) => one.InstanceId !== id)
      : before.instanceStatuses,
    networkInterfaces: before.networkInterfaces.filter(
      ({ Attachment }) => !(isGone && Attachment?.InstanceId === id && Attachment.DeleteOnTermination === true),
    ),
    endedAgents: comesUp ? before.endedAgents.filter((one) => one !== id) : before.endedAgents,
  };
}

/** Agents that are online are heard of all the time. */
export function hearAgents(before: AwsResources, now: Date): AwsResources {
  return { ...before, instanceInformation: replace(before.instanceInformation, isOnline, { LastPingDateTime: now }) };
}

/** Its agent is not heard of until it is back; when it was heard last stays. */
export function rebootInstance(before: AwsResources, id: string): AwsResources {
  return {
    ...before,
    endedAgents: before.endedAgents.filter((one) => one !== id),
    instanceStatuses: before.instanceStatuses.filter((one) => one.InstanceId !== id),
    instanceInformation: replace(before.instanceInformation, isInstance(id), { PingStatus: "ConnectionLost" }),
  };
}

/** With the event that RDS writes of it. */
export function setDatabaseStatus(before: AwsResources, id: string, status: string, now: Date): AwsResources {
  const messages: Readonly<Partial<Record<string, string>>> = {
    stopped: "DB instance stopped",
    available: "DB instance started",
  };
  const Message = messages[status];
  const event = { SourceType: "db-instance", SourceIdentifier: id, EventCategories: ["notification"] } as const;
  return {
    ...before,
    dbInstances: replace(before.dbInstances, (one) => one.DBInstanceIdentifier === id, { DBInstanceStatus: status }),
    dbEvents:
      Message === undefined
        ? before.dbEvents
        : [...before.dbEvents, { ...event, EventCategories: [...event.EventCategories], Message, Date: now }],
  };
}

function isOnline({ PingStatus }: AwsResources["instanceInformation"][number]): boolean {
  return PingStatus === "Online";
}

export function isInstance(id: string): (one: Pick<LocalInstance, "InstanceId">) => boolean {
  return ({ InstanceId }) => InstanceId === id;
}

/** Those that are meant, with other members; the others as they are. */
export function replace<Resource extends object>(
  resources: readonly Resource[],
  isMeant: (resource: Resource) => boolean,
  members: Partial<Resource>,
): readonly Resource[] {
  return resources.map((one) => (isMeant(one) ? Object.assign({}, one, members) : one));
}
