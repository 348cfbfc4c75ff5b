import { type Address, DescribeAddressesCommand, type EC2Client, type Filter } from "@aws-sdk/client-ec2";
import type { Manifest } from "#lib/contract.ts";
import { sendOptions } from "#lib/stage/aws-access.ts";
import { stageFilters, type Tags, toTags } from "../stage-tags.ts";

/** An Elastic IP. */
export type ElasticIp = {
  readonly allocationId: string;
  readonly publicIp: string;
  /** Absent where it is attached to nothing. */
  readonly associationId?: string;
  /** Where it is attached: an instance, or an interface without one. */
  readonly instanceId?: string;
  readonly networkInterfaceId?: string;
  readonly tags: Tags;
};

/** The Elastic IPs that carry the stage's tags and those that its manifest names. EC2 gives all of them in one answer. */
export async function readAddresses(
  client: EC2Client,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<readonly ElasticIp[]> {
  const named = (manifest.network?.nat ?? []).map(({ allocation }) => allocation);
  const byId = named.length === 0 ? [] : readBy(client, [{ Name: "allocation-id", Values: named }], signal);
  const found = await Promise.all([readBy(client, stageFilters(manifest.stage), signal), byId]);
  return [...new Map(found.flat().map((one) => [one.allocationId, one])).values()].toSorted((a, b) =>
    a.allocationId.localeCompare(b.allocationId),
  );
}

async function readBy(client: EC2Client, Filters: Filter[], signal: AbortSignal): Promise<ElasticIp[]> {
  const { Addresses = [] } = await client.send(new DescribeAddressesCommand({ Filters }), sendOptions(signal));
  return Addresses.map(toElasticIp);
}

function toElasticIp(one: Address): ElasticIp {
  return {
    allocationId: one.AllocationId ?? "",
    publicIp: one.PublicIp ?? "",
    ...(isSaid(one.AssociationId) ? { associationId: one.AssociationId } : {}),
    ...(isSaid(one.InstanceId) ? { instanceId: one.InstanceId } : {}),
    ...(isSaid(one.NetworkInterfaceId) ? { networkInterfaceId: one.NetworkInterfaceId } : {}),
    tags: toTags(one.Tags),
  };
}

/** EC2 writes an empty element for an address that is attached to nothing. */
function isSaid(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
