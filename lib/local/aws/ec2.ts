import type { Tag } from "@aws-sdk/client-ec2";
import { AwsError } from "./aws-error.ts";
import { ec2Service } from "./ec2-protocol.ts";
import type { AwsService } from "./protocol.ts";
import type { AwsResources, LocalAddress, LocalInstance } from "./resources.ts";
import type { XmlChildren } from "./xml.ts";

/** What a filter compares: a filter's name to the values that a resource has for it. */
type FilterValues<Resource> = Readonly<Record<string, (resource: Resource) => string | undefined>>;

const instanceFilters: FilterValues<LocalInstance> = {
  "instance-id": (one) => one.InstanceId,
  "instance-state-name": (one) => one.State?.Name,
  "ip-address": (one) => one.PublicIpAddress,
  "private-ip-address": (one) => one.PrivateIpAddress,
  "subnet-id": (one) => one.SubnetId,
  "vpc-id": (one) => one.VpcId,
};

const addressFilters: FilterValues<LocalAddress> = {
  "allocation-id": (one) => one.AllocationId,
  "association-id": (one) => one.AssociationId,
  domain: (one) => one.Domain,
  "instance-id": (one) => one.InstanceId,
  "network-interface-id": (one) => one.NetworkInterfaceId,
  "public-ip": (one) => one.PublicIp,
};

/** EC2: instances and addresses by id and by exact filter values; pages and wildcards are not offered. */
export function ec2ReadService(options: {
  readonly resources: () => AwsResources;
  readonly accountId: string;
}): AwsService {
  const { resources, accountId } = options;
  return ec2Service({
    version: "2016-11-15",
    operations: {
      DescribeInstances: (form) => {
        const { instances } = resources();
        const ids = readList(form, "InstanceId");
        refuseUnknown(
          ids,
          instances.map((one) => one.InstanceId),
          "InvalidInstanceID.NotFound",
          "instance ID",
        );
        const chosen = instances.filter((one) => ids.length === 0 || ids.includes(one.InstanceId));
        const found = applyFilters(form, chosen, instanceFilters);
        // Each instance as a reservation of its own, as instances of an auto scaling group are.
        const item = found.map((one) => ({
          reservationId: `r-${one.InstanceId.slice(2)}`,
          ownerId: accountId,
          instancesSet: { item: instanceToXml(one) },
        }));
        return { reservationSet: { item } };
      },
      DescribeAddresses: (form) => {
        const { addresses } = resources();
        const ids = readList(form, "AllocationId");
        const ips = readList(form, "PublicIp");
        refuseUnknown(
          ids,
          addresses.map((one) => one.AllocationId),
          "InvalidAllocationID.NotFound",
          "allocation ID",
        );
        refuseUnknown(
          ips,
          addresses.map((one) => one.PublicIp),
          "InvalidAddress.NotFound",
          "address",
        );
        const chosen = addresses.filter(
          (one) =>
            (ids.length === 0 || ids.includes(one.AllocationId ?? "")) &&
            (ips.length === 0 || ips.includes(one.PublicIp ?? "")),
        );
        return { addressesSet: { item: applyFilters(form, chosen, addressFilters).map(addressToXml) } };
      },
    },
  });
}

/** `Name.1`, `Name.2` … */
function readList(form: URLSearchParams, name: string): string[] {
  const values: string[] = [];
  for (let index = 1; ; index += 1) {
    const value = form.get(`${name}.${index}`);
    if (value === null) return values;
    values.push(value);
  }
}

function refuseUnknown(
  ids: readonly string[],
  known: readonly (string | undefined)[],
  code: string,
  what: string,
): void {
  const unknown = ids.filter((id) => !known.includes(id));
  if (unknown.length > 0) throw new AwsError(code, `The ${what} '${unknown.join(", ")}' does not exist`);
}

function applyFilters<Resource extends { readonly Tags?: Tag[] | undefined }>(
  form: URLSearchParams,
  resources: readonly Resource[],
  filters: FilterValues<Resource>,
): readonly Resource[] {
  let left = resources;
  for (let index = 1; ; index += 1) {
    const name = form.get(`Filter.${index}.Name`);
    if (name === null) return left;
    const values = readList(form, `Filter.${index}.Value`);
    const read = findFilter(name, filters);
    left = left.filter((resource) => {
      const value = read(resource);
      return value !== undefined && values.includes(value);
    });
  }
}

function findFilter<Resource extends { readonly Tags?: Tag[] | undefined }>(
  name: string,
  filters: FilterValues<Resource>,
): (resource: Resource) => string | undefined {
  if (name.startsWith("tag:")) {
    return (resource) => resource.Tags?.find((tag) => tag.Key === name.slice("tag:".length))?.Value;
  }
  const read = Object.hasOwn(filters, name) ? filters[name] : undefined;
  if (read === undefined) throw new AwsError("InvalidParameterValue", `The filter '${name}' is invalid`);
  return read;
}

/** EC2's element names are the SDK's in lower camel case, with exceptions: State, PublicIpAddress, PublicDnsName. */
function instanceToXml(one: LocalInstance): XmlChildren {
  return {
    instanceId: one.InstanceId,
    imageId: one.ImageId,
    instanceState: one.State === undefined ? undefined : { code: one.State.Code, name: one.State.Name },
    privateDnsName: one.PrivateDnsName,
    dnsName: one.PublicDnsName,
    reason: one.StateTransitionReason,
    instanceType: one.InstanceType,
    launchTime: one.LaunchTime,
    subnetId: one.SubnetId,
    vpcId: one.VpcId,
    privateIpAddress: one.PrivateIpAddress,
    ipAddress: one.PublicIpAddress,
    sourceDestCheck: one.SourceDestCheck,
    groupSet:
      one.SecurityGroups === undefined
        ? undefined
        : { item: one.SecurityGroups.map((group) => ({ groupId: group.GroupId, groupName: group.GroupName })) },
    tagSet: tagsToXml(one.Tags),
  };
}

function addressToXml(one: LocalAddress): XmlChildren {
  return {
    publicIp: one.PublicIp,
    allocationId: one.AllocationId,
    associationId: one.AssociationId,
    domain: one.Domain,
    instanceId: one.InstanceId,
    networkInterfaceId: one.NetworkInterfaceId,
    privateIpAddress: one.PrivateIpAddress,
    tagSet: tagsToXml(one.Tags),
  };
}

function tagsToXml(tags: readonly Tag[] | undefined): XmlChildren | undefined {
  return tags === undefined ? undefined : { item: tags.map((tag) => ({ key: tag.Key, value: tag.Value })) };
}
