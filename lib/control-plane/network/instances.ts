import { type EC2Client, type Filter, type Instance, paginateDescribeInstances } from "@aws-sdk/client-ec2";
import type { Manifest } from "#lib/contract.ts";
import { sendOptions } from "#lib/stage/aws-access.ts";
import { stageFilters, type Tags, toTags } from "../stage-tags.ts";

/** A NAT instance or bastion. */
export type StageInstance = {
  readonly id: string;
  /** `pending`, `running`, `stopping`, `stopped`, `shutting-down`, `terminated`. */
  readonly state: string;
  /** By which the internet knows it now. */
  readonly publicIp?: string;
  readonly subnetId?: string;
  readonly vpcId?: string;
  /** On, it drops what is not addressed to itself: no NAT. Absent where AWS does not say. */
  readonly sourceDestCheck?: boolean;
  readonly groupIds: readonly string[];
  /** The first is its primary one, to which routes lead. */
  readonly networkInterfaceIds: readonly string[];
  /** Of its last start; a reboot is none. */
  readonly launchedAt?: Date;
  readonly tags: Tags;
};

/** The instances that carry the stage's tags and those that its manifest names, ended ones too, while AWS remembers them. */
export async function readInstances(
  client: EC2Client,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<readonly StageInstance[]> {
  const named = [...manifest.bastions, ...(manifest.network?.nat ?? []).map(({ instance }) => instance)];
  // By a filter and not by ids: one that is gone would be an error, and hide the others.
  const byId = named.length === 0 ? [] : readBy(client, [{ Name: "instance-id", Values: [...new Set(named)] }], signal);
  const found = await Promise.all([readBy(client, stageFilters(manifest.stage), signal), byId]);
  return [...new Map(found.flat().map((one) => [one.id, one])).values()].toSorted((a, b) => a.id.localeCompare(b.id));
}

async function readBy(client: EC2Client, Filters: Filter[], signal: AbortSignal): Promise<StageInstance[]> {
  const found: StageInstance[] = [];
  for await (const page of paginateDescribeInstances({ client }, { Filters }, sendOptions(signal))) {
    found.push(...(page.Reservations ?? []).flatMap(({ Instances = [] }) => Instances.map(toStageInstance)));
  }
  return found;
}

function toStageInstance(one: Instance): StageInstance {
  const interfaces = (one.NetworkInterfaces ?? []).toSorted(
    (a, b) => (a.Attachment?.DeviceIndex ?? 0) - (b.Attachment?.DeviceIndex ?? 0),
  );
  return {
    id: one.InstanceId ?? "",
    state: one.State?.Name ?? "unknown",
    ...(one.PublicIpAddress === undefined ? {} : { publicIp: one.PublicIpAddress }),
    ...(one.SubnetId === undefined ? {} : { subnetId: one.SubnetId }),
    ...(one.VpcId === undefined ? {} : { vpcId: one.VpcId }),
    ...(one.SourceDestCheck === undefined ? {} : { sourceDestCheck: one.SourceDestCheck }),
    groupIds: (one.SecurityGroups ?? []).flatMap(({ GroupId }) => GroupId ?? []),
    networkInterfaceIds: interfaces.flatMap(({ NetworkInterfaceId }) => NetworkInterfaceId ?? []),
    ...(one.LaunchTime === undefined ? {} : { launchedAt: one.LaunchTime }),
    tags: toTags(one.Tags),
  };
}
