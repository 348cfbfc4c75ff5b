import type { Alarm, AlarmParts } from "./alarm.ts";

/** EC2 brings them back by itself; this tells that it was needed. */
export function natAlarms({ network: { nats, bastionIds } }: AlarmParts): Alarm[] {
  const ids = nats.length > 0 ? nats.map(({ instanceId }) => instanceId) : bastionIds;
  return ids.map((id, index) => ({
    name: `${nats.length > 0 ? "Nat" : "Bastion"}${index + 1}Status`,
    says: "The instance does not answer, or is stopped: what is in its zone has no way out, and tunnels through it break.",
    namespace: "AWS/EC2",
    metric: "StatusCheckFailed",
    dimensions: { InstanceId: id },
    statistic: "Maximum",
    atLeast: 1,
    minutes: 1,
    times: 3,
    // A stopped instance is measured no more.
    isSilenceBad: true,
  }));
}
