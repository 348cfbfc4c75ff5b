import type { IpPermission } from "@aws-sdk/client-ec2";
import type { AwsResources, LocalInstance } from "./resources.ts";
import type { TargetState } from "./ssm-sessions.ts";

const everywhere = "0.0.0.0/0";

/** What can be reached from where, which follows from nothing but what the control plane holds. */
export type Reachability = {
  /** Of each instance that is not terminated: whether sessions can be had with it. */
  readonly targets: Readonly<Record<string, TargetState>>;
  /** Instances that a group of the database lets in on its port. */
  readonly letIn: readonly string[];
  /** Whether functions in the private subnets reach AWS's endpoints. */
  readonly functionsReachAws: boolean;
  /** Whether something listens on the database's port. */
  readonly databaseListens: boolean;
  /** Whether a proxy has a target that it can use; true where there is none. */
  readonly proxyHasTarget: boolean;
};

export function judgeReachability(resources: AwsResources): Reachability {
  const present = resources.instances.filter((one) => one.State?.Name !== "terminated");
  return {
    targets: Object.fromEntries(present.map((one) => [one.InstanceId, targetState(one, resources)])),
    letIn: present.filter((one) => isLetIn(one, resources)).map((one) => one.InstanceId),
    functionsReachAws: functionSubnets(resources).every((subnetId) => hasWayOut(subnetId, resources)),
    databaseListens: resources.dbInstances.every(listens),
    proxyHasTarget: Object.values(resources.dbProxyTargets).every((targets) =>
      targets.some((one) => one.TargetHealth?.State === "AVAILABLE"),
    ),
  };
}

/** Those of RDS's states in which the server does not answer. */
const silent = new Set(["stopping", "stopped", "starting", "creating", "deleting", "failed", "rebooting"]);

export function listens({ DBInstanceStatus }: AwsResources["dbInstances"][number]): boolean {
  return !silent.has(DBInstanceStatus ?? "");
}

/**
 * Whether an agent can reach Systems Manager: its instance runs, and its subnet leads to the internet gateway, which
 * serves only who has a public address, or to NAT.
 */
export function agentReachesAws(resources: AwsResources, instanceId: string): boolean {
  const instance = resources.instances.find((one) => one.InstanceId === instanceId);
  if (instance?.State?.Name !== "running" || resources.endedAgents.includes(instanceId)) return false;
  const { SubnetId, PublicIpAddress } = instance;
  if (SubnetId === undefined) return true;
  const route = defaultRoute(SubnetId, resources);
  if (route?.GatewayId?.startsWith("igw-") === true) return PublicIpAddress !== undefined;
  return hasWayOut(SubnetId, resources);
}

function targetState({ InstanceId, State }: LocalInstance, { instanceInformation }: AwsResources): TargetState {
  if (State?.Name !== "running") return "stopped";
  const information = instanceInformation.find((one) => one.InstanceId === InstanceId);
  return information?.PingStatus === "Online" ? "online" : "offline";
}

function isLetIn({ SecurityGroups = [] }: LocalInstance, { dbInstances, securityGroups }: AwsResources): boolean {
  const own = new Set(SecurityGroups.map(({ GroupId }) => GroupId));
  return dbInstances.some(({ VpcSecurityGroups = [], Endpoint }) => {
    const groups = new Set(VpcSecurityGroups.map(({ VpcSecurityGroupId }) => VpcSecurityGroupId));
    return securityGroups
      .filter(({ GroupId }) => groups.has(GroupId))
      .some(({ IpPermissions = [] }) =>
        IpPermissions.some(
          (rule) => coversPort(rule, Endpoint?.Port) && rule.UserIdGroupPairs?.some(({ GroupId }) => own.has(GroupId)),
        ),
      );
  });
}

function coversPort({ IpProtocol, FromPort = 0, ToPort = 65_535 }: IpPermission, port = 0): boolean {
  return IpProtocol === "-1" || (IpProtocol === "tcp" && FromPort <= port && port <= ToPort);
}

/** Those in which Lambda has interfaces. */
function functionSubnets({ networkInterfaces }: AwsResources): readonly string[] {
  const ids = networkInterfaces.filter((one) => one.InterfaceType === "lambda").map(({ SubnetId }) => SubnetId ?? "");
  return [...new Set(ids)];
}

/**
 * From a private subnet through NAT: an active default route to the interface of an instance that runs, that has a public
 * address, and whose interface passes on what is not for itself (no source/destination check).
 */
function hasWayOut(subnetId: string, resources: AwsResources): boolean {
  const route = defaultRoute(subnetId, resources);
  if (route === undefined || route.State !== "active") return false;
  if (route.NatGatewayId !== undefined) return true;
  const nat = resources.networkInterfaces.find((one) => one.NetworkInterfaceId === route.NetworkInterfaceId);
  return nat?.Association !== undefined && nat.SourceDestCheck === false;
}

function defaultRoute(subnetId: string, { routeTables }: AwsResources) {
  const table =
    routeTables.find(({ Associations }) => Associations?.some((one) => one.SubnetId === subnetId)) ??
    routeTables.find(({ Associations }) => Associations?.some((one) => one.Main === true));
  return table?.Routes?.find((route) => route.DestinationCidrBlock === everywhere);
}
