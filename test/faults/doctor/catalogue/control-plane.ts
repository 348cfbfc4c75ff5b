import { proxyName } from "#lib/contract.ts";
import { readControlPlane } from "#lib/control-plane/read-control-plane.ts";
import { PosternError } from "#lib/base/errors.ts";
import { combine } from "#lib/doctor/combine.ts";
import { judgeControlPlane } from "#lib/doctor/control-plane/judge.ts";
import { examineFromInside } from "#lib/doctor/inside.ts";
import { examineThrough } from "#lib/doctor/through-transport.ts";
import { judgeReachability } from "#lib/local/aws/reachability.ts";
import type { AwsResources } from "#lib/local/aws/resources.ts";
import { storeSecret } from "#lib/local/aws/secret-store.ts";
import { disassociated, settle } from "#lib/local/aws/settle.ts";
import { setInstanceState } from "#lib/local/aws/states.ts";
import { localInstanceId } from "#lib/local/gateway/gateway.ts";
import { findFreePort } from "#lib/local/net/free-port.ts";
import { describeResources, describeStage } from "#lib/local/stage/description.ts";
import { networkIds } from "#lib/local/stage/network/ids.ts";
import { ssmTransport } from "#lib/tunnel/ssm/transport.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { region, startTestEndpoint } from "../../../support/aws-endpoint.ts";
import type { SeededRandom } from "../../../support/seeded-random.ts";
import { startTestGateway } from "../../../support/session-gateway.ts";
import type { Broken, LabFault, LabWorld } from "../fault.ts";

const stage = "local";
const { groups } = networkIds;

/** What is broken in AWS; what follows from it for sessions, functions and the database follows by itself. */
type Change = (before: AwsResources, random: SeededRandom) => AwsResources;

type Beside = {
  /** The manifest of a deploy that did not write down its network. */
  readonly isUntold?: true;
  /** Of the proxy's roles; default: both have one. */
  readonly secrets?: readonly ("app" | "health")[];
};

/** Broken control planes, each seen by all three vantages: what AWS says, and what becomes of the walks by it. */
export const controlPlaneFaults: readonly LabFault[] = [
  fault("all is well", "ok", (before) => before),
  fault("all is well, as the tags say alone", "ok", (before) => before, { isUntold: true }),
  fault("an Elastic IP that is attached to nothing", "aws.bastion-address-stale", detachAddress),
  fault("the same, as the tags say alone", "aws.bastion-address-stale", detachAddress, { isUntold: true }),
  fault("an Elastic IP that a stranger has", "aws.bastion-address-stale", (before) => ({
    ...detachAddress(before),
    addresses: before.addresses.map((one) =>
      Object.assign(disassociated(one), {
        AssociationId: "eipassoc-stranger",
        NetworkInterfaceId: before.networkInterfaces.find(({ InterfaceType }) => InterfaceType === "lambda")
          ?.NetworkInterfaceId,
      }),
    ),
  })),
  fault("an Elastic IP that was released", "aws.bastion-address-stale", (before) => ({ ...before, addresses: [] })),
  fault("a NAT instance that does not run", "aws.bastion-stopped", (before, random) =>
    setInstanceState(before, localInstanceId, random.pick(["stopped", "stopping", "pending"])),
  ),
  fault("a NAT instance that is gone", "aws.bastion-address-stale", (before) =>
    setInstanceState(before, localInstanceId, "terminated"),
  ),
  fault("an agent that has ended", "aws.agent-offline", (before) => ({ ...before, endedAgents: [localInstanceId] })),
  fault("a NAT instance that passes nothing on", "aws.route", (before) => ({
    ...before,
    networkInterfaces: before.networkInterfaces.map((one) =>
      one.NetworkInterfaceId === networkIds.bastionInterface ? { ...one, SourceDestCheck: true } : one,
    ),
  })),
  fault("private subnets without a way out", "aws.route", (before, random) =>
    changeWayOut(before, random.pick([[0], [1], [0, 1]]), () => []),
  ),
  fault("private subnets whose way out is dead", "aws.route", (before, random) =>
    changeWayOut(before, random.pick([[0], [1], [0, 1]]), ({ DestinationCidrBlock }) => [
      { DestinationCidrBlock, NetworkInterfaceId: `eni-${random.bytes(8).toString("hex")}` },
    ]),
  ),
  fault("a managed NAT gateway in its place", "ok", (before) =>
    changeWayOut(before, [0, 1], ({ DestinationCidrBlock }) => [
      { DestinationCidrBlock, NatGatewayId: "nat-1", State: "active" },
    ]),
  ),
  fault("a managed NAT gateway that has the address of the instance", "aws.bastion-address-stale", (before) =>
    changeWayOut(detachAddress(before), [0, 1], ({ DestinationCidrBlock }) => [
      { DestinationCidrBlock, NatGatewayId: "nat-1", State: "active" },
    ]),
  ),
  fault("the bastion's group is not let in", "aws.security-group", (before) => shutOut(before, groups.bastion)),
  fault("the runner's group is not let in", "aws.security-group", (before) => shutOut(before, groups.runner)),
  fault("the proxy's group is not let in", "aws.security-group", (before) => shutOut(before, groups.proxy)),
  fault("a database that does not listen", "aws.database-unavailable", (before, random) =>
    setStatus(before, random.pick(["stopped", "stopping", "starting", "rebooting", "failed"])),
  ),
  fault("a database that is full", "aws.database-unavailable", (before) => setStatus(before, "storage-full")),
  fault("a database that is being backed up or changed", "ok", (before, random) =>
    setStatus(before, random.pick(["backing-up", "modifying", "storage-optimization"])),
  ),
  fault("a proxy whose target is unavailable", "aws.proxy-target", (before, random) => ({
    ...before,
    dbProxyTargets: {
      [proxyName(stage)]: [
        {
          RdsResourceId: `postern-${stage}`,
          TargetHealth: {
            State: "UNAVAILABLE",
            Reason: random.pick(["AUTH_FAILURE", "CONNECTION_FAILED", "PENDING_PROXY_CAPACITY"]),
          },
        },
      ],
    },
  })),
  fault("a proxy without a target", "aws.proxy-target", (before) => ({
    ...before,
    dbProxyTargets: { [proxyName(stage)]: [] },
  })),
  fault("a proxy's role without a secret", "proxy.missing-secret", (before) => before, { secrets: ["health"] }),
  // Two at once: the first on the way.
  fault("an agent that has ended, before a database that does not listen", "aws.agent-offline", (before) =>
    setStatus({ ...before, endedAgents: [localInstanceId] }, "stopped"),
  ),
  fault("a group that is not let in, beside a way out that is dead", "aws.security-group", (before) =>
    changeWayOut(shutOut(before, groups.bastion), [1], () => []),
  ),
];

function fault(name: string, code: string, change: Change, beside: Beside = {}): LabFault {
  return {
    name: `AWS: ${name}`,
    expected: [code],
    open: async (world, random) => await openStage(world, (before) => change(before, random), beside),
  };
}

/** A stage in front of the lab's server, of which three vantages tell. Nothing of it knows what the fault is. */
async function openStage(
  { address }: LabWorld,
  change: (before: AwsResources) => AwsResources,
  { isUntold, secrets = ["app", "health"] }: Beside,
): Promise<Broken> {
  await using stack = new AsyncDisposableStack();
  const { database: name } = address;
  const facts = {
    stage,
    region,
    database: { host: address.host, port: address.port, name, caFile: "", version: 18 },
    aws: { url: "", accessKeyId: "", secretAccessKey: "" },
  };
  const resources = settle(change(describeResources(facts, new Date())));
  const reach = judgeReachability(resources);
  const listener = reach.databaseListens ? address : { ...address, port: await findFreePort() };

  const state = reach.targets[localInstanceId];
  const isLetIn = reach.letIn.includes(localInstanceId);
  const gateway = stack.use(
    await startTestGateway(listener, {
      targets: state === undefined ? [] : [{ instanceId: localInstanceId, state }],
      ...(isLetIn ? {} : { faults: { hangingDial: true } }),
    }),
  );
  const endpoint = stack.use(await startTestEndpoint({ sessions: gateway, model: { read: () => resources } }));
  for (const owner of secrets) await storeSecret(endpoint.secrets, `postern/${stage}/${owner}`, "{}", new Date());
  const { endpoint: url, credentials } = endpoint.config();
  const access: AwsAccess = { source: "local-stage", endpoint: url, region, credentials };
  const { network, ...told } = describeStage(facts, { version: "0.1.0", migrationsHash: "00" }, "http://127.0.0.1:1/");
  const manifest = {
    ...told,
    ...(isUntold === true || network === undefined ? {} : { network }),
    proxy: { host: address.host, port: address.port, name: proxyName(stage) },
  };

  const fromHere = async (signal: AbortSignal) =>
    await examineThrough({
      transport: ssmTransport({
        target: localInstanceId,
        documentName: "tunnel",
        host: "db.internal",
        port: 5432,
        access,
      }),
      // oxlint-disable-next-line typescript/require-await -- the login of a stage has to be read
      readAddress: async () => address,
      signal,
    });
  const fromInside = async (signal: AbortSignal) =>
    await examineFromInside({
      place: listener,
      // oxlint-disable-next-line typescript/require-await -- a function's login has to be read
      login: async () => {
        if (reach.functionsReachAws) return address;
        throw new PosternError("aws.failed", "Secrets Manager did not answer.");
      },
      signal,
    });
  const opened = stack.move();
  return {
    address,
    drawn: JSON.stringify(reach),
    examine: async (signal) => {
      const [here, vpc, said] = await Promise.all([
        fromHere(signal),
        fromInside(signal),
        readControlPlane(manifest, { access, signal, limitMs: 10_000 }),
      ]);
      return { ...here, verdict: combine({ here, vpc, aws: judgeControlPlane(manifest, said, new Date()) }) };
    },
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}

function detachAddress(before: AwsResources): AwsResources {
  return { ...before, addresses: before.addresses.map(disassociated) };
}

type Route = NonNullable<AwsResources["routeTables"][number]["Routes"]>[number];

/** The default routes of private subnets, by index. */
function changeWayOut(
  before: AwsResources,
  zones: readonly number[],
  change: (route: Route) => readonly Route[],
): AwsResources {
  const ids = new Set(zones.map((zone) => networkIds.privateRouteTables[zone]));
  return {
    ...before,
    routeTables: before.routeTables.map((table) =>
      ids.has(table.RouteTableId)
        ? Object.assign({}, table, {
            Routes: table.Routes?.flatMap((route) =>
              route.DestinationCidrBlock === "0.0.0.0/0" ? change(route) : [route],
            ),
          })
        : table,
    ),
  };
}

/** The database's group without the rule for another one. */
function shutOut(before: AwsResources, other: string): AwsResources {
  return {
    ...before,
    securityGroups: before.securityGroups.map((group) =>
      group.GroupId === groups.database
        ? Object.assign({}, group, {
            IpPermissions: group.IpPermissions?.filter(
              ({ UserIdGroupPairs = [] }) => !UserIdGroupPairs.some(({ GroupId }) => GroupId === other),
            ),
          })
        : group,
    ),
  };
}

function setStatus(before: AwsResources, status: string): AwsResources {
  return {
    ...before,
    dbInstances: before.dbInstances.map((one) => Object.assign({}, one, { DBInstanceStatus: status })),
  };
}
