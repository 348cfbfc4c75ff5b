import { AwsError } from "../aws-error.ts";
import type { QueryOperation } from "../query-protocol.ts";
import type { AwsResources, LocalAddress, LocalInstance, LocalNetworkInterface } from "../resources.ts";
import type { XmlChildren } from "../xml.ts";
import {
  addressFilters,
  applyFilters,
  instanceFilters,
  networkInterfaceFilters,
  routeTableFilters,
  securityGroupFilters,
  subnetFilters,
} from "./filters.ts";
import { readList } from "./form.ts";
import { describeInstanceStatus } from "./instance-status.ts";
import { instanceElements, securityGroupElements, toEc2Xml } from "./xml.ts";

/** What EC2 is asked, by id and by exact filter values; pages and wildcards are not offered: every answer is whole. */
export function describeOperations(options: {
  readonly resources: () => AwsResources;
  readonly accountId: string;
}): Readonly<Record<string, QueryOperation>> {
  const { resources, accountId } = options;
  return {
    DescribeInstances: (form) => {
      const chosen = chooseInstances(form, resources());
      // Each instance as a reservation of its own, as instances of an auto scaling group are.
      const item = applyFilters(form, chosen, instanceFilters).map((one) => ({
        reservationId: `r-${one.InstanceId.slice(2)}`,
        ownerId: accountId,
        instancesSet: { item: toEc2Xml(one, instanceElements) },
      }));
      return { reservationSet: { item } };
    },
    DescribeInstanceStatus: (form) => describeInstanceStatus(form, resources(), chooseInstances(form, resources())),
    DescribeAddresses: (form) => {
      const { addresses } = resources();
      const byId = choose(addresses, (one) => one.AllocationId, readList(form, "AllocationId"), allocationNotFound);
      const chosen = choose(byId, (one) => one.PublicIp, readList(form, "PublicIp"), addressNotFound);
      return { addressesSet: items(applyFilters(form, chosen, addressFilters)) };
    },
    DescribeSubnets: (form) => {
      const ids = readList(form, "SubnetId");
      const chosen = choose(resources().subnets, (one) => one.SubnetId, ids, subnetNotFound);
      return { subnetSet: items(applyFilters(form, chosen, subnetFilters)) };
    },
    DescribeRouteTables: (form) => {
      const ids = readList(form, "RouteTableId");
      const chosen = choose(resources().routeTables, (one) => one.RouteTableId, ids, routeTableNotFound);
      return { routeTableSet: items(applyFilters(form, chosen, routeTableFilters)) };
    },
    DescribeSecurityGroups: (form) => {
      const ids = readList(form, "GroupId");
      const chosen = choose(resources().securityGroups, (one) => one.GroupId, ids, groupNotFound);
      const found = applyFilters(form, chosen, securityGroupFilters);
      const item = found.map((one) => toEc2Xml({ OwnerId: accountId, ...one }, securityGroupElements));
      return { securityGroupInfo: { item } };
    },
    DescribeNetworkInterfaces: (form) => {
      const ids = readList(form, "NetworkInterfaceId");
      const chosen = choose(resources().networkInterfaces, (one) => one.NetworkInterfaceId, ids, interfaceNotFound);
      return { networkInterfaceSet: items(applyFilters(form, chosen, networkInterfaceFilters)) };
    },
  };
}

function chooseInstances(form: URLSearchParams, { instances }: AwsResources): readonly LocalInstance[] {
  return choose(instances, (one) => one.InstanceId, readList(form, "InstanceId"), instanceNotFound);
}

/** Those that are named, or all where none is. */
function choose<Resource>(
  resources: readonly Resource[],
  idOf: (resource: Resource) => string | undefined,
  ids: readonly string[],
  notFound: (id: string) => AwsError,
): readonly Resource[] {
  const unknown = ids.filter((id) => resources.every((one) => idOf(one) !== id));
  if (unknown.length > 0) throw notFound(unknown.join(", "));
  return ids.length === 0 ? resources : resources.filter((one) => ids.includes(idOf(one) ?? ""));
}

function items(resources: readonly object[]): XmlChildren {
  return { item: resources.map((one) => toEc2Xml(one)) };
}

/** The one of that id, as operations need it that change it. */
export function findInstance({ instances }: AwsResources, id: string): LocalInstance {
  const found = instances.find((one) => one.InstanceId === id);
  if (found === undefined) throw instanceNotFound(id);
  return found;
}

export function findAddress({ addresses }: AwsResources, allocationId: string): LocalAddress {
  const found = addresses.find((one) => one.AllocationId === allocationId);
  if (found === undefined) throw allocationNotFound(allocationId);
  return found;
}

export function findInterface({ networkInterfaces }: AwsResources, id: string): LocalNetworkInterface {
  const found = networkInterfaces.find((one) => one.NetworkInterfaceId === id);
  if (found === undefined) throw interfaceNotFound(id);
  return found;
}

const notFound = (code: string, what: string) => (id: string) =>
  new AwsError(code, `The ${what} '${id}' does not exist`);

const instanceNotFound = notFound("InvalidInstanceID.NotFound", "instance ID");
const allocationNotFound = notFound("InvalidAllocationID.NotFound", "allocation ID");
const addressNotFound = notFound("InvalidAddress.NotFound", "address");
const subnetNotFound = notFound("InvalidSubnetID.NotFound", "subnet ID");
export const routeTableNotFound = notFound("InvalidRouteTableID.NotFound", "routeTable ID");
const groupNotFound = notFound("InvalidGroup.NotFound", "security group");
const interfaceNotFound = notFound("InvalidNetworkInterfaceID.NotFound", "networkInterface ID");
