import type { InstanceStateName } from "@aws-sdk/client-ec2";
import { AwsError } from "../aws-error.ts";
import type { AwsResources, LocalInstance } from "../resources.ts";
import { rebootInstance, setInstanceState } from "../states.ts";
import { findInstance } from "./describe.ts";
import { readList } from "./form.ts";
import { done, type WriteOperation, type Written } from "./written.ts";
import { toEc2Xml } from "./xml.ts";

/** One that runs or starts is left as it is; one on its way down, or gone, cannot be started. */
export const startInstances: WriteOperation = (form, before) =>
  turn(form, before, { to: "pending", from: ["stopped"], ignores: ["pending", "running"], word: "started" });

export const stopInstances: WriteOperation = (form, before) =>
  turn(form, before, { to: "stopping", from: ["running"], ignores: ["stopping", "stopped"], word: "stopped" });

/** Its state stays; its agent is away until it is up again. One that is gone is passed over, as EC2 does. */
export const rebootInstances: WriteOperation = (form, before) => {
  const chosen = readInstances(form, before).filter((one) => stateOf(one) !== "terminated");
  const idle = chosen.find((one) => stateOf(one) !== "running" && stateOf(one) !== "pending");
  if (idle !== undefined) throw wrongState(idle.InstanceId, "rebooted");
  const after = chosen.reduce((resources, { InstanceId }) => rebootInstance(resources, InstanceId), before);
  return { after, answer: done };
};

type Turn = {
  readonly to: InstanceStateName;
  readonly from: readonly InstanceStateName[];
  /** There, or on the way there, already. */
  readonly ignores: readonly InstanceStateName[];
  readonly word: string;
};

function turn(form: URLSearchParams, before: AwsResources, { to, from, ignores, word }: Turn): Written {
  const chosen = readInstances(form, before);
  const wrong = chosen.find((one) => ![...from, ...ignores].includes(stateOf(one)));
  if (wrong !== undefined) throw wrongState(wrong.InstanceId, word);
  const after = chosen
    .filter((one) => from.includes(stateOf(one)))
    .reduce((resources, { InstanceId }) => setInstanceState(resources, InstanceId, to), before);
  const item = chosen.map(({ InstanceId, State }) =>
    toEc2Xml({ InstanceId, CurrentState: findInstance(after, InstanceId).State, PreviousState: State }),
  );
  return { after, answer: { instancesSet: { item } } };
}

function readInstances(form: URLSearchParams, resources: AwsResources): readonly LocalInstance[] {
  const ids = readList(form, "InstanceId");
  if (ids.length === 0) throw new AwsError("MissingParameter", "The request must contain the parameter InstanceId");
  return ids.map((id) => findInstance(resources, id));
}

function stateOf({ State }: LocalInstance): InstanceStateName {
  return State?.Name ?? "running";
}

function wrongState(id: string, word: string): AwsError {
  return new AwsError("IncorrectInstanceState", `The instance '${id}' is not in a state from which it can be ${word}.`);
}
