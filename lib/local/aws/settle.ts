import type { InstanceNetworkInterface, Route } from "@aws-sdk/client-ec2";
import { agentReachesAws, listens } from "./reachability.ts";
import type { AwsResources, LocalAddress, LocalInstance, LocalNetworkInterface } from "./resources.ts";
import { replace } from "./states.ts";

/**
 * What AWS derives, after a change of what it is derived from:
 *
 * 1. An association of an address with an interface that is gone is over; one with an instance is with its first interface.
 * 2. An interface shows the address that is associated with it.
 * 3. An instance shows its interfaces, and as its own what its first one has: addresses, groups, the source/destination check.
 * 4. A route to an interface is active while that is attached to an instance that runs, else it is a black hole.
 * 5. An agent that cannot reach Systems Manager any more is lost; that of a terminated instance is forgotten. AWS takes
 *    minutes to notice.
 * 6. A proxy's target whose database does not listen is unreachable.
 *
 * What comes back does so by itself, a moment later (`moves.ts`). An instance without interfaces here is left as it is.
 */
export function settle(resources: AwsResources): AwsResources {
  const addresses = resources.addresses.map((one) => settleAddress(one, resources));
  const networkInterfaces = resources.networkInterfaces.map((one) => showAddress(one, addresses));
  const instances = resources.instances.map((one) => showInterfaces(one, networkInterfaces));
  const routeTables = resources.routeTables.map((table) => ({
    ...table,
    Routes: table.Routes?.map((route) => settleRoute(route, networkInterfaces, instances)),
  }));
  const settled = { ...resources, addresses, networkInterfaces, instances, routeTables };
  return { ...settled, instanceInformation: settleAgents(settled), dbProxyTargets: settleTargets(settled) };
}

/** The first of an instance, which it has for as long as it is there. */
export function primaryInterface(
  { networkInterfaces }: Pick<AwsResources, "networkInterfaces">,
  instanceId: string,
): LocalNetworkInterface | undefined {
  return networkInterfaces.find(
    ({ Attachment }) => Attachment?.InstanceId === instanceId && (Attachment.DeviceIndex ?? 0) === 0,
  );
}

/** What an association adds to an address, taken away. */
export function disassociated(address: LocalAddress): LocalAddress {
  const {
    AssociationId: _association,
    InstanceId: _instance,
    NetworkInterfaceId: _interface,
    NetworkInterfaceOwnerId: _owner,
    PrivateIpAddress: _ip,
    ...rest
  } = address;
  return rest;
}

function settleAddress(address: LocalAddress, { networkInterfaces }: AwsResources): LocalAddress {
  const { NetworkInterfaceId: id } = address;
  if (id === undefined) return address;
  const found = networkInterfaces.find((one) => one.NetworkInterfaceId === id);
  if (found === undefined) return disassociated(address);
  const { InstanceId: _before, ...rest } = address;
  const { InstanceId } = found.Attachment ?? {};
  return {
    ...rest,
    PrivateIpAddress: found.PrivateIpAddress,
    ...(InstanceId === undefined ? {} : { InstanceId }),
  };
}

function showAddress(
  { Association: _before, ...one }: LocalNetworkInterface,
  addresses: readonly LocalAddress[],
): LocalNetworkInterface {
  const address = addresses.find(({ NetworkInterfaceId }) => NetworkInterfaceId === one.NetworkInterfaceId);
  if (address === undefined) return one;
  const { AllocationId, AssociationId, PublicIp } = address;
  return { ...one, Association: { AllocationId, AssociationId, PublicIp } };
}

function showInterfaces(instance: LocalInstance, interfaces: readonly LocalNetworkInterface[]): LocalInstance {
  const own = interfaces.filter(({ Attachment }) => Attachment?.InstanceId === instance.InstanceId);
  const first = primaryInterface({ networkInterfaces: own }, instance.InstanceId);
  const isGone = instance.State?.Name === "terminated";
  if (first === undefined && !isGone) return instance;
  const { PublicIpAddress: _before, NetworkInterfaces: _interfaces, ...rest } = instance;
  if (first === undefined) return { ...rest, NetworkInterfaces: [] };
  const { PublicIp } = first.Association ?? {};
  return {
    ...rest,
    ...(PublicIp === undefined ? {} : { PublicIpAddress: PublicIp }),
    SourceDestCheck: first.SourceDestCheck,
    SecurityGroups: first.Groups,
    NetworkInterfaces: own.map((one) => toInstanceInterface(one)),
  };
}

function toInstanceInterface({ Attachment, Association, ...one }: LocalNetworkInterface): InstanceNetworkInterface {
  const { NetworkInterfaceId, SubnetId, VpcId, PrivateIpAddress, SourceDestCheck, Status, Groups } = one;
  const { AttachmentId, DeviceIndex, Status: status, DeleteOnTermination } = Attachment ?? {};
  return {
    NetworkInterfaceId,
    SubnetId,
    VpcId,
    PrivateIpAddress,
    SourceDestCheck,
    Status,
    Groups,
    Attachment: { AttachmentId, DeviceIndex, Status: status, DeleteOnTermination },
    ...(Association === undefined ? {} : { Association: { PublicIp: Association.PublicIp } }),
  };
}

/** As the reference of `Route.State` has it; a NAT instance that is stopped makes a black hole, too. */
function settleRoute(
  route: Route,
  interfaces: readonly LocalNetworkInterface[],
  instances: readonly LocalInstance[],
): Route {
  const { NetworkInterfaceId: id, InstanceId: _before, ...rest } = route;
  if (id === undefined) return route;
  const { InstanceId } = interfaces.find((one) => one.NetworkInterfaceId === id)?.Attachment ?? {};
  const target = instances.find((one) => one.InstanceId === InstanceId);
  return {
    ...rest,
    NetworkInterfaceId: id,
    ...(InstanceId === undefined ? {} : { InstanceId }),
    State: target?.State?.Name === "running" ? "active" : "blackhole",
  };
}

function settleAgents(resources: AwsResources): AwsResources["instanceInformation"] {
  const { instances, instanceInformation } = resources;
  const isGone = (id: string) => instances.some((one) => one.InstanceId === id && one.State?.Name === "terminated");
  const isLost = (id: string) => instances.some((one) => one.InstanceId === id) && !agentReachesAws(resources, id);
  return replace(
    instanceInformation.filter(({ InstanceId }) => !isGone(InstanceId)),
    ({ InstanceId, PingStatus }) => PingStatus === "Online" && isLost(InstanceId),
    { PingStatus: "ConnectionLost" },
  );
}

function settleTargets({ dbInstances, dbProxyTargets }: AwsResources): AwsResources["dbProxyTargets"] {
  const down = new Set(dbInstances.filter((one) => !listens(one)).map((one) => one.DBInstanceIdentifier));
  return Object.fromEntries(
    Object.entries(dbProxyTargets).map(([proxy, targets]) => [
      proxy,
      replace(targets, ({ RdsResourceId }) => down.has(RdsResourceId ?? ""), {
        TargetHealth: { State: "UNAVAILABLE", Reason: "UNREACHABLE", Description: "The database does not answer." },
      }),
    ]),
  );
}
