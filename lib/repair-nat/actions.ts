import {
  AssociateAddressCommand,
  CreateRouteCommand,
  DisassociateAddressCommand,
  EC2Client,
  ModifyInstanceAttributeCommand,
  RebootInstancesCommand,
  ReplaceRouteCommand,
  StartInstancesCommand,
} from "@aws-sdk/client-ec2";
import type { RepairWrite } from "#lib/contract.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { RepairStep } from "./result.ts";
import { type AwsAccess, clientConfig } from "#lib/stage/aws-access.ts";
import { toAwsError } from "#lib/stage/aws-errors.ts";
import type { RepairFacts } from "./facts.ts";

/** Asks AWS for one step. It is not called off in the middle: nobody would know whether it was done. */
export type Act = (step: RepairStep, facts: RepairFacts) => Promise<void>;

export type RepairActions = Disposable & { readonly act: Act };

/**
 * What EC2 says to a call that it has done before, whose answer was lost: the client asks again by itself. Whether it was that one
 * is seen in what there is then.
 */
const saidOfTheSecond: Partial<Record<RepairWrite, string>> = {
  "ec2:DisassociateAddress": "InvalidAssociationID.NotFound",
  "ec2:CreateRoute": "RouteAlreadyExists",
};

/** @throws PosternError `aws.*`; `repair.changed` where an address is attached otherwise than the step says */
export function openRepairActions(access: AwsAccess): RepairActions {
  const client = new EC2Client(clientConfig(access));
  const ask = async (name: RepairWrite, send: () => Promise<unknown>) => {
    try {
      await send();
    } catch (error) {
      if (error instanceof Error && error.name === saidOfTheSecond[name]) return;
      throw toAwsError(error, { name, access });
    }
  };

  async function act({ kind, resource, from, to }: RepairStep, facts: RepairFacts): Promise<void> {
    const InstanceIds = [resource];
    const route = { RouteTableId: resource, DestinationCidrBlock: "0.0.0.0/0", NetworkInterfaceId: to };
    switch (kind) {
      case "start-instance":
        return await ask("ec2:StartInstances", () => client.send(new StartInstancesCommand({ InstanceIds })));
      case "associate-address":
        return await moveAddress(resource, from, to, facts);
      case "turn-off-source-dest-check": {
        const command = new ModifyInstanceAttributeCommand({ InstanceId: resource, SourceDestCheck: { Value: false } });
        return await ask("ec2:ModifyInstanceAttribute", () => client.send(command));
      }
      case "create-route":
        return await ask("ec2:CreateRoute", () => client.send(new CreateRouteCommand(route)));
      case "replace-route":
        return await ask("ec2:ReplaceRoute", () => client.send(new ReplaceRouteCommand(route)));
      case "reboot-instance":
        return await ask("ec2:RebootInstances", () => client.send(new RebootInstancesCommand({ InstanceIds })));
      default:
        return kind satisfies never;
    }
  }

  /**
   * By the id of the very association that was seen, and then without AllowReassociation: in a VPC AWS would otherwise take the
   * address from whoever has it by now.
   */
  async function moveAddress(allocation: string, from: string, to: string, { addresses }: RepairFacts): Promise<void> {
    const { associationId, instanceId, networkInterfaceId } =
      addresses.find((one) => one.allocationId === allocation) ?? {};
    const holder = instanceId ?? networkInterfaceId ?? "nothing";
    if (holder !== from) {
      throw new PosternError("repair.changed", `${allocation} is attached to ${holder}, expected ${from}.`);
    }
    if (associationId !== undefined) {
      const command = new DisassociateAddressCommand({ AssociationId: associationId });
      await ask("ec2:DisassociateAddress", () => client.send(command));
    }
    const command = new AssociateAddressCommand({
      AllocationId: allocation,
      InstanceId: to,
      AllowReassociation: false,
    });
    await ask("ec2:AssociateAddress", () => client.send(command));
  }

  return { act, [Symbol.dispose]: () => client.destroy() };
}
