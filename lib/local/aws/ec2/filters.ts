import type { Tag } from "@aws-sdk/client-ec2";
import { AwsError } from "../aws-error.ts";
import type {
  LocalAddress,
  LocalInstance,
  LocalNetworkInterface,
  LocalRouteTable,
  LocalSecurityGroup,
  LocalSubnet,
} from "../resources.ts";
import { readList } from "./form.ts";

/** An interface has its tags under another name. */
type Tagged = { readonly Tags?: Tag[] | undefined; readonly TagSet?: Tag[] | undefined };

/** What a filter compares: a filter's name to the values that a resource has for it. */
type FilterValues<Resource> = Readonly<
  Record<string, (resource: Resource) => string | readonly (string | undefined)[] | undefined>
>;

export const instanceFilters: FilterValues<LocalInstance> = {
  "availability-zone": (one) => one.Placement?.AvailabilityZone,
  "instance-id": (one) => one.InstanceId,
  "instance-state-name": (one) => one.State?.Name,
  "instance.group-id": (one) => one.SecurityGroups?.map(({ GroupId }) => GroupId),
  "ip-address": (one) => one.PublicIpAddress,
  "network-interface.network-interface-id": (one) => one.NetworkInterfaces?.map((each) => each.NetworkInterfaceId),
  "private-ip-address": (one) => one.PrivateIpAddress,
  "subnet-id": (one) => one.SubnetId,
  "vpc-id": (one) => one.VpcId,
};

export const addressFilters: FilterValues<LocalAddress> = {
  "allocation-id": (one) => one.AllocationId,
  "association-id": (one) => one.AssociationId,
  domain: (one) => one.Domain,
  "instance-id": (one) => one.InstanceId,
  "network-interface-id": (one) => one.NetworkInterfaceId,
  "private-ip-address": (one) => one.PrivateIpAddress,
  "public-ip": (one) => one.PublicIp,
};

export const subnetFilters: FilterValues<LocalSubnet> = {
  "availability-zone": (one) => one.AvailabilityZone,
  "cidr-block": (one) => one.CidrBlock,
  state: (one) => one.State,
  "subnet-id": (one) => one.SubnetId,
  "vpc-id": (one) => one.VpcId,
};

export const routeTableFilters: FilterValues<LocalRouteTable> = {
  "association.main": (one) => one.Associations?.map(({ Main }) => String(Main ?? false)),
  "association.route-table-association-id": (one) => one.Associations?.map((each) => each.RouteTableAssociationId),
  "association.subnet-id": (one) => one.Associations?.map(({ SubnetId }) => SubnetId),
  "route-table-id": (one) => one.RouteTableId,
  "route.destination-cidr-block": (one) => one.Routes?.map((route) => route.DestinationCidrBlock),
  "route.gateway-id": (one) => one.Routes?.map(({ GatewayId }) => GatewayId),
  "route.instance-id": (one) => one.Routes?.map(({ InstanceId }) => InstanceId),
  "route.state": (one) => one.Routes?.map(({ State }) => State),
  "vpc-id": (one) => one.VpcId,
};

export const securityGroupFilters: FilterValues<LocalSecurityGroup> = {
  "group-id": (one) => one.GroupId,
  "group-name": (one) => one.GroupName,
  "ip-permission.group-id": (one) =>
    one.IpPermissions?.flatMap((rule) => rule.UserIdGroupPairs?.map(({ GroupId }) => GroupId) ?? []),
  "vpc-id": (one) => one.VpcId,
};

export const networkInterfaceFilters: FilterValues<LocalNetworkInterface> = {
  "association.public-ip": (one) => one.Association?.PublicIp,
  "attachment.instance-id": (one) => one.Attachment?.InstanceId,
  "attachment.status": (one) => one.Attachment?.Status,
  description: (one) => one.Description,
  "group-id": (one) => one.Groups?.map(({ GroupId }) => GroupId),
  "interface-type": (one) => one.InterfaceType,
  "network-interface-id": (one) => one.NetworkInterfaceId,
  "private-ip-address": (one) => one.PrivateIpAddress,
  "requester-id": (one) => one.RequesterId,
  status: (one) => one.Status,
  "subnet-id": (one) => one.SubnetId,
  "vpc-id": (one) => one.VpcId,
};

/** All of them have to hold; of a filter's values one. */
export function applyFilters<Resource extends Tagged>(
  form: URLSearchParams,
  resources: readonly Resource[],
  filters: FilterValues<Resource>,
): readonly Resource[] {
  let left = resources;
  for (let index = 1; ; index += 1) {
    const name = form.get(`Filter.${index}.Name`);
    if (name === null) return left;
    const wanted = readList(form, `Filter.${index}.Value`);
    const read = findFilter(name, filters);
    left = left.filter((resource) => [read(resource)].flat().some((value) => wanted.includes(value ?? "")));
  }
}

function findFilter<Resource extends Tagged>(
  name: string,
  filters: FilterValues<Resource>,
): FilterValues<Resource>[string] {
  if (name.startsWith("tag:")) {
    return (resource) => tagsOf(resource).find((tag) => tag.Key === name.slice("tag:".length))?.Value;
  }
  if (name === "tag-key") return (resource) => tagsOf(resource).map((tag) => tag.Key);
  const read = Object.hasOwn(filters, name) ? filters[name] : undefined;
  if (read === undefined) throw new AwsError("InvalidParameterValue", `The filter '${name}' is invalid`);
  return read;
}

function tagsOf({ Tags, TagSet }: Tagged): readonly Tag[] {
  return Tags ?? TagSet ?? [];
}
