import { defaultRouteOf } from "#lib/control-plane/network/expected.ts";
import type { RepairStep } from "./result.ts";
import type { RepairFacts } from "./facts.ts";

/** Whether EC2 takes the step now: it starts no instance that is still stopping, and gives none an address that is not up. Pure. */
export function isReady({ kind, resource, to }: RepairStep, facts: RepairFacts): boolean {
  switch (kind) {
    case "start-instance":
      return stateOf(resource, facts) === "stopped";
    case "associate-address":
      return stateOf(to, facts) === "running";
    case "turn-off-source-dest-check":
    case "create-route":
    case "replace-route":
    case "reboot-instance":
      return true;
    default:
      return kind satisfies never;
  }
}

/** Whether AWS says that the step took effect. Pure. */
export function isDone({ kind, resource, to }: RepairStep, facts: RepairFacts): boolean {
  switch (kind) {
    case "start-instance":
      return stateOf(resource, facts) === "running";
    case "associate-address":
      return facts.addresses.find(({ allocationId }) => allocationId === resource)?.instanceId === to;
    case "turn-off-source-dest-check":
      return instanceOf(resource, facts)?.sourceDestCheck === false;
    case "create-route":
    case "replace-route": {
      const table = facts.routeTables.find(({ id }) => id === resource);
      return table !== undefined && defaultRouteOf(table)?.target === to;
    }
    case "reboot-instance":
      return facts.agents?.find(({ instanceId }) => instanceId === resource)?.pingStatus === to;
    default:
      return kind satisfies never;
  }
}

/** Also in whom it cuts: who was told that it cuts nobody has not agreed to more. */
export function isSameStep(left: RepairStep, right: RepairStep): boolean {
  return (["kind", "resource", "from", "to", "cuts"] as const).every((member) => left[member] === right[member]);
}

/** `start-instance i-0123 (stopped → running)` */
export function describeStep({ kind, resource, from, to }: RepairStep): string {
  return `${kind} ${resource} (${from} → ${to})`;
}

function stateOf(id: string, facts: RepairFacts): string | undefined {
  return instanceOf(id, facts)?.state;
}

function instanceOf(id: string, { instances }: RepairFacts) {
  return instances.find((one) => one.id === id);
}
