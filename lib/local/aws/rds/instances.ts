import type { Clock } from "#lib/base/clock.ts";
import { AwsError } from "../aws-error.ts";
import type { Change } from "../model.ts";
import type { QueryOperation } from "../query-protocol.ts";
import type { AwsResources } from "../resources.ts";
import { setDatabaseStatus } from "../states.ts";
import { toXml } from "./xml.ts";

type DatabaseInstance = AwsResources["dbInstances"][number];

export function findInstance({ dbInstances }: AwsResources, id: string): DatabaseInstance {
  const found = dbInstances.find((one) => one.DBInstanceIdentifier === id);
  if (found !== undefined) return found;
  throw new AwsError("DBInstanceNotFound", `DBInstance ${id} not found.`, { statusCode: 404 });
}

/** Stop and start: an instance that is under way to either cannot be turned. */
export function turnOperations(
  resources: () => AwsResources,
  change: (change: Change) => void,
  clock: Clock,
): Readonly<Record<string, QueryOperation>> {
  const turn =
    (from: string, to: string): QueryOperation =>
    (form) => {
      const id = form.get("DBInstanceIdentifier") ?? "";
      change((before) => {
        if (findInstance(before, id).DBInstanceStatus === from) {
          return setDatabaseStatus(before, id, to, clock.wallTime());
        }
        throw new AwsError("InvalidDBInstanceState", `Instance ${id} is not in ${from} state.`);
      });
      return toXml({ DBInstance: findInstance(resources(), id) });
    };
  return { StopDBInstance: turn("available", "stopping"), StartDBInstance: turn("stopped", "starting") };
}
