import { AwsError } from "../aws-error.ts";
import type { AwsResources, LocalNetworkInterface } from "../resources.ts";
import { primaryInterface } from "../settle.ts";
import { replace } from "../states.ts";
import { findInstance, findInterface } from "./describe.ts";
import { readBoolean, readRequired } from "./form.ts";
import { done, type WriteOperation, type Written } from "./written.ts";

/** Of an instance only the source/destination check, which is its first interface's. */
export const modifyInstance: WriteOperation = (form, before) => {
  const { InstanceId } = findInstance(before, readRequired(form, "InstanceId"));
  const first = primaryInterface(before, InstanceId);
  if (first !== undefined) return setCheck(form, before, first);
  throw new AwsError("IncorrectInstanceState", `The instance '${InstanceId}' has no network interface`);
};

/** Of an interface only the source/destination check. */
export const modifyInterface: WriteOperation = (form, before) =>
  setCheck(form, before, findInterface(before, readRequired(form, "NetworkInterfaceId")));

function setCheck(
  form: URLSearchParams,
  before: AwsResources,
  { NetworkInterfaceId: id }: LocalNetworkInterface,
): Written {
  const SourceDestCheck = readBoolean(form, "SourceDestCheck.Value");
  if (SourceDestCheck === undefined) {
    throw new AwsError(
      "InvalidParameterCombination",
      "No attributes specified; SourceDestCheck alone is offered here.",
    );
  }
  const isMeant = (one: LocalNetworkInterface) => one.NetworkInterfaceId === id;
  const networkInterfaces = replace(before.networkInterfaces, isMeant, { SourceDestCheck });
  return { after: { ...before, networkInterfaces }, answer: done };
}
