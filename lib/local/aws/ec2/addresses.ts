import { randomBytes } from "node:crypto";
import { AwsError } from "../aws-error.ts";
import type { AwsResources, LocalAddress, LocalNetworkInterface } from "../resources.ts";
import { disassociated, primaryInterface } from "../settle.ts";
import { findAddress, findInstance, findInterface } from "./describe.ts";
import { readBoolean, readRequired } from "./form.ts";
import { done, type WriteOperation } from "./written.ts";

/**
 * An Elastic IP goes to an interface. Where it is with that one already, nothing changes, and it is no error; where it is with
 * another one it is taken from there, unless `AllowReassociation` is false. An address that the interface had becomes free.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html
 */
export const associateAddress: WriteOperation = (form, before) => {
  const address = findAddress(before, readRequired(form, "AllocationId"));
  const target = findTarget(form, before);
  const { AssociationId, NetworkInterfaceId } = address;
  if (AssociationId !== undefined && NetworkInterfaceId === target.NetworkInterfaceId) {
    return { after: before, answer: { ...done, associationId: AssociationId } };
  }
  if (AssociationId !== undefined && readBoolean(form, "AllowReassociation") === false) {
    throw new AwsError(
      "Resource.AlreadyAssociated",
      `resource ${address.AllocationId} is already associated with associate-id ${AssociationId}`,
    );
  }
  const associated = {
    AssociationId: `eipassoc-${randomBytes(9).toString("hex").slice(1)}`,
    NetworkInterfaceId: target.NetworkInterfaceId,
  };
  const addresses = before.addresses.map((one) => {
    if (one.AllocationId === address.AllocationId) return Object.assign(disassociated(one), associated);
    return one.NetworkInterfaceId === target.NetworkInterfaceId ? disassociated(one) : one;
  });
  return { after: { ...before, addresses }, answer: { ...done, associationId: associated.AssociationId } };
};

/** By the association, which is a new one each time: that of another interface is never ended by mistake. */
export const disassociateAddress: WriteOperation = (form, before) => {
  const id = readRequired(form, "AssociationId");
  if (before.addresses.every((one) => one.AssociationId !== id)) {
    throw new AwsError("InvalidAssociationID.NotFound", `The association ID '${id}' does not exist`);
  }
  const free = (one: LocalAddress) => (one.AssociationId === id ? disassociated(one) : one);
  return { after: { ...before, addresses: before.addresses.map(free) }, answer: done };
};

function findTarget(form: URLSearchParams, resources: AwsResources): LocalNetworkInterface {
  const interfaceId = form.get("NetworkInterfaceId");
  const instanceId = form.get("InstanceId");
  if (interfaceId !== null && instanceId === null) return findInterface(resources, interfaceId);
  if (instanceId === null || interfaceId !== null) {
    throw new AwsError("InvalidParameterCombination", "Expected either InstanceId or NetworkInterfaceId");
  }
  const { State } = findInstance(resources, instanceId);
  const target = primaryInterface(resources, instanceId);
  if (target !== undefined && (State?.Name === "running" || State?.Name === "stopped")) return target;
  throw new AwsError(
    "InvalidInstanceID",
    `The ${State?.Name} instance '${instanceId}' is not in a valid state for this operation.`,
  );
}
