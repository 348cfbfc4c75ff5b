import type { AwsResources, LocalInstance } from "../resources.ts";
import type { XmlChildren } from "../xml.ts";
import { applyFilters } from "./filters.ts";
import { readBoolean } from "./form.ts";
import { toEc2Xml } from "./xml.ts";

const filters = {
  "availability-zone": (one: LocalInstance) => one.Placement?.AvailabilityZone,
  "instance-state-name": (one: LocalInstance) => one.State?.Name,
};

/** Those that run, unless all are asked for. The checks of one that does not run do not apply. */
export function describeInstanceStatus(
  form: URLSearchParams,
  { instanceStatuses }: AwsResources,
  instances: readonly LocalInstance[],
): XmlChildren {
  const hasAll = readBoolean(form, "IncludeAllInstances") === true;
  const chosen = applyFilters(form, instances, filters).filter((one) => hasAll || one.State?.Name === "running");
  const item = chosen.map(({ InstanceId, State, Placement }) =>
    toEc2Xml({
      InstanceId,
      AvailabilityZone: Placement?.AvailabilityZone,
      InstanceState: State,
      ...(State?.Name === "running" ? wellChecked : unchecked),
      ...instanceStatuses.find((one) => one.InstanceId === InstanceId),
    }),
  );
  return { instanceStatusSet: { item } };
}

const passed = { Status: "ok", Details: [{ Name: "reachability", Status: "passed" }] };
const wellChecked = { SystemStatus: passed, InstanceStatus: passed };
const unchecked = { SystemStatus: { Status: "not-applicable" }, InstanceStatus: { Status: "not-applicable" } };
