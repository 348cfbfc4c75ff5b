import {
  AssociateAddressCommand,
  CreateRouteCommand,
  DescribeAddressesCommand,
  DescribeInstancesCommand,
  DescribeRouteTablesCommand,
  DisassociateAddressCommand,
  EC2Client,
  ModifyInstanceAttributeCommand,
  ModifyNetworkInterfaceAttributeCommand,
  RebootInstancesCommand,
  ReplaceRouteCommand,
  StartInstancesCommand,
  StopInstancesCommand,
} from "@aws-sdk/client-ec2";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AwsModel, createAwsModel } from "#lib/local/aws/model.ts";
import { judgeReachability } from "#lib/local/aws/reachability.ts";
import { type AwsResources, noResources } from "#lib/local/aws/resources.ts";
import { errorOf, startTestEndpoint } from "../../support/aws-endpoint.ts";
import { createSteppedClock, type SteppedClock } from "../../support/stepped-clock.ts";

const everywhere = "0.0.0.0/0";
const nat = "i-1";

/** A private subnet whose way out is an instance with an address, and a second instance that could be it. */
const network: AwsResources = {
  ...noResources,
  instances: [nat, "i-2"].map((InstanceId) => ({
    InstanceId,
    State: { Code: 16, Name: "running" as const },
    SubnetId: "subnet-public",
  })),
  networkInterfaces: [
    ...[nat, "i-2"].map((InstanceId, index) => ({
      NetworkInterfaceId: `eni-${index + 1}`,
      PrivateIpAddress: `10.0.0.${index + 1}`,
      SourceDestCheck: false,
      Attachment: { InstanceId, DeviceIndex: 0, Status: "attached" as const, DeleteOnTermination: true },
    })),
    { NetworkInterfaceId: "eni-lambda", InterfaceType: "lambda" as const, SubnetId: "subnet-private" },
  ],
  addresses: [
    { AllocationId: "eipalloc-1", PublicIp: "192.0.2.1", AssociationId: "eipassoc-1", NetworkInterfaceId: "eni-1" },
    { AllocationId: "eipalloc-2", PublicIp: "192.0.2.2" },
  ],
  routeTables: [
    {
      RouteTableId: "rtb-private",
      Associations: [{ SubnetId: "subnet-private" }],
      Routes: [{ DestinationCidrBlock: everywhere, NetworkInterfaceId: "eni-1" }],
    },
    {
      RouteTableId: "rtb-public",
      Associations: [{ SubnetId: "subnet-public" }],
      Routes: [{ DestinationCidrBlock: everywhere, GatewayId: "igw-1", State: "active" }],
    },
    { RouteTableId: "rtb-empty" },
  ],
  instanceInformation: [{ InstanceId: nat, PingStatus: "Online" }],
};

let stack: AsyncDisposableStack;
let clock: SteppedClock;
let model: AwsModel;
let ec2: EC2Client;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  clock = createSteppedClock();
  model = stack.use(createAwsModel(network, clock));
  const endpoint = stack.use(await startTestEndpoint({ model }));
  ec2 = stack.adopt(new EC2Client(endpoint.config()), (client) => client.destroy());
});
afterEach(() => stack.disposeAsync());

describe("an Elastic IP", () => {
  test("goes to another instance, which shows it; the first shows none, and what hung on it is cut off", async () => {
    const { AssociationId } = await ec2.send(
      new AssociateAddressCommand({ AllocationId: "eipalloc-1", InstanceId: "i-2", AllowReassociation: true }),
    );
    expect(AssociationId).toMatch(/^eipassoc-[0-9a-f]{17}$/u);
    expect(await addressesOfInstances()).toEqual([undefined, "192.0.2.1"]);
    const { Addresses } = await ec2.send(new DescribeAddressesCommand({ AllocationIds: ["eipalloc-1"] }));
    expect(Addresses).toMatchObject([
      { AssociationId, InstanceId: "i-2", NetworkInterfaceId: "eni-2", PrivateIpAddress: "10.0.0.2" },
    ]);
    expect(judgeReachability(model.read())).toMatchObject({ functionsReachAws: false, targets: { [nat]: "offline" } });
  });

  test("that is there already stays, by the same association", async () => {
    const again = new AssociateAddressCommand({ AllocationId: "eipalloc-1", NetworkInterfaceId: "eni-1" });
    expect(await ec2.send(again)).toMatchObject({ AssociationId: "eipassoc-1" });
  });

  test("takes the place of the one that the interface had", async () => {
    await ec2.send(new AssociateAddressCommand({ AllocationId: "eipalloc-2", InstanceId: nat }));
    const { Addresses } = await ec2.send(new DescribeAddressesCommand({}));
    expect(Addresses?.map((one) => one.InstanceId)).toEqual([undefined, nat]);
  });

  test("is let go by its association, once", async () => {
    const letGo = new DisassociateAddressCommand({ AssociationId: "eipassoc-1" });
    await ec2.send(letGo);
    expect(await addressesOfInstances()).toEqual([undefined, undefined]);
    expect(await errorOf(ec2.send(letGo))).toMatchObject({ name: "InvalidAssociationID.NotFound" });
  });

  test("brings the way out back, and a moment later the agent", async () => {
    await ec2.send(new DisassociateAddressCommand({ AssociationId: "eipassoc-1" }));
    await ec2.send(new AssociateAddressCommand({ AllocationId: "eipalloc-1", InstanceId: nat }));
    expect(judgeReachability(model.read())).toMatchObject({ functionsReachAws: true, targets: { [nat]: "offline" } });
    await clock.advance(10_000);
    expect(judgeReachability(model.read()).targets).toMatchObject({ [nat]: "online" });
  });
});

describe("a route", () => {
  test("is replaced where there is one, and made where there is none", async () => {
    const target = { DestinationCidrBlock: everywhere, NetworkInterfaceId: "eni-2" };
    await ec2.send(new ReplaceRouteCommand({ RouteTableId: "rtb-private", ...target }));
    await ec2.send(new ReplaceRouteCommand({ RouteTableId: "rtb-private", ...target }));
    expect(await ec2.send(new CreateRouteCommand({ RouteTableId: "rtb-empty", ...target }))).toMatchObject({
      Return: true,
    });
    const route = { ...target, InstanceId: "i-2", State: "active" };
    expect(await routesOf("rtb-private")).toMatchObject([route]);
    expect(await routesOf("rtb-empty")).toMatchObject([route]);
  });

  test("is a black hole while its instance is stopped", async () => {
    await ec2.send(new StopInstancesCommand({ InstanceIds: [nat] }));
    expect(await routesOf("rtb-private")).toMatchObject([{ State: "blackhole" }]);
    await clock.advance(10_000);
    await ec2.send(new StartInstancesCommand({ InstanceIds: [nat] }));
    await clock.advance(10_000);
    expect(await routesOf("rtb-private")).toMatchObject([{ State: "active" }]);
  });
});

describe("an instance", () => {
  test("stops and starts in its own time, and its agent after it", async () => {
    const stopped = await ec2.send(new StopInstancesCommand({ InstanceIds: [nat] }));
    expect(stopped.StoppingInstances).toMatchObject([
      { InstanceId: nat, PreviousState: { Name: "running" }, CurrentState: { Code: 64, Name: "stopping" } },
    ]);
    expect(judgeReachability(model.read()).targets[nat]).toBe("stopped");
    await clock.advance(10_000);
    expect(await stateOf(nat)).toBe("stopped");
    const started = await ec2.send(new StartInstancesCommand({ InstanceIds: [nat] }));
    expect(started.StartingInstances).toMatchObject([{ CurrentState: { Code: 0, Name: "pending" } }]);
    expect(await stateOf(nat)).toBe("pending");
    await clock.advance(1500);
    expect(await stateOf(nat)).toBe("running");
    expect(judgeReachability(model.read()).targets[nat]).toBe("offline");
    await clock.advance(1000);
    expect(judgeReachability(model.read()).targets[nat]).toBe("online");
  });

  test("that runs is started without an error and without a change", async () => {
    const { StartingInstances } = await ec2.send(new StartInstancesCommand({ InstanceIds: [nat] }));
    expect(StartingInstances).toMatchObject([
      { PreviousState: { Name: "running" }, CurrentState: { Name: "running" } },
    ]);
  });

  test("has its agent back when it is rebooted, which does not come back by itself", async () => {
    model.change((before) => ({ ...before, endedAgents: [nat] }));
    await clock.advance(60_000);
    expect(judgeReachability(model.read()).targets[nat]).toBe("offline");
    await ec2.send(new RebootInstancesCommand({ InstanceIds: [nat] }));
    expect(judgeReachability(model.read()).targets[nat]).toBe("offline");
    await clock.advance(10_000);
    expect(judgeReachability(model.read()).targets[nat]).toBe("online");
  });

  test("passes nothing on while it checks source and destination, whichever call says so", async () => {
    await ec2.send(new ModifyInstanceAttributeCommand({ InstanceId: nat, SourceDestCheck: { Value: true } }));
    expect(judgeReachability(model.read()).functionsReachAws).toBe(false);
    const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [nat] }));
    expect(Reservations?.[0]?.Instances?.[0]?.SourceDestCheck).toBe(true);
    const off = { NetworkInterfaceId: "eni-1", SourceDestCheck: { Value: false } };
    await ec2.send(new ModifyNetworkInterfaceAttributeCommand(off));
    expect(judgeReachability(model.read()).functionsReachAws).toBe(true);
  });
});

describe("EC2 refuses, and changes nothing:", () => {
  const route = { DestinationCidrBlock: everywhere, NetworkInterfaceId: "eni-2" };
  test.each([
    [
      "an address that is taken, where that is not to be",
      new AssociateAddressCommand({ AllocationId: "eipalloc-1", InstanceId: "i-2", AllowReassociation: false }),
      "Resource.AlreadyAssociated",
    ],
    [
      "an unknown address",
      new AssociateAddressCommand({ AllocationId: "eipalloc-9", InstanceId: nat }),
      "InvalidAllocationID.NotFound",
    ],
    [
      "an address for an unknown instance",
      new AssociateAddressCommand({ AllocationId: "eipalloc-2", InstanceId: "i-9" }),
      "InvalidInstanceID.NotFound",
    ],
    [
      "an address for nobody",
      new AssociateAddressCommand({ AllocationId: "eipalloc-2" }),
      "InvalidParameterCombination",
    ],
    ["a second route", new CreateRouteCommand({ RouteTableId: "rtb-private", ...route }), "RouteAlreadyExists"],
    [
      "another route where there is none",
      new ReplaceRouteCommand({ RouteTableId: "rtb-empty", ...route }),
      "InvalidParameterValue",
    ],
    [
      "a route in an unknown table",
      new ReplaceRouteCommand({ RouteTableId: "rtb-9", ...route }),
      "InvalidRouteTableID.NotFound",
    ],
    [
      "a route to an unknown interface",
      new ReplaceRouteCommand({ RouteTableId: "rtb-private", ...route, NetworkInterfaceId: "eni-9" }),
      "InvalidNetworkInterfaceID.NotFound",
    ],
    [
      "to start an unknown instance",
      new StartInstancesCommand({ InstanceIds: [nat, "i-9"] }),
      "InvalidInstanceID.NotFound",
    ],
    ["to change nothing", new ModifyInstanceAttributeCommand({ InstanceId: nat }), "InvalidParameterCombination"],
    ["what is only tried", new StopInstancesCommand({ InstanceIds: [nat], DryRun: true }), "DryRunOperation"],
  ] as const)("%s", async (_case, command, name) => {
    const before = model.read();
    expect(await errorOf(ec2.send(command as StopInstancesCommand))).toMatchObject({ name });
    expect(model.read()).toBe(before);
  });

  test("to start what is on its way down, and to give an address to what is gone", async () => {
    await ec2.send(new StopInstancesCommand({ InstanceIds: [nat] }));
    const start = new StartInstancesCommand({ InstanceIds: [nat] });
    expect(await errorOf(ec2.send(start))).toMatchObject({ name: "IncorrectInstanceState" });
    const reboot = new RebootInstancesCommand({ InstanceIds: [nat] });
    expect(await errorOf(ec2.send(reboot))).toMatchObject({ name: "IncorrectInstanceState" });
    model.change((before) => ({
      ...before,
      instances: before.instances.map((one) => Object.assign({}, one, { State: { Code: 48, Name: "terminated" } })),
    }));
    const associate = new AssociateAddressCommand({ AllocationId: "eipalloc-2", InstanceId: nat });
    expect(await errorOf(ec2.send(associate))).toMatchObject({ name: "InvalidInstanceID" });
  });

  test("every write where the resources cannot be changed", async () => {
    const endpoint = stack.use(await startTestEndpoint());
    const other = stack.adopt(new EC2Client(endpoint.config()), (client) => client.destroy());
    const start = new StartInstancesCommand({ InstanceIds: [nat] });
    expect(await errorOf(other.send(start))).toMatchObject({ name: "InvalidAction" });
  });
});

async function addressesOfInstances(): Promise<unknown> {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({}));
  return Reservations?.flatMap(({ Instances }) => Instances?.map((one) => one.PublicIpAddress));
}

async function stateOf(id: string): Promise<string | undefined> {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations?.[0]?.Instances?.[0]?.State?.Name;
}

async function routesOf(id: string): Promise<unknown> {
  const { RouteTables } = await ec2.send(new DescribeRouteTablesCommand({ RouteTableIds: [id] }));
  return RouteTables?.[0]?.Routes;
}
