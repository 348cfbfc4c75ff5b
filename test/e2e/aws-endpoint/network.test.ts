import {
  DescribeInstanceStatusCommand,
  DescribeNetworkInterfacesCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { DescribeInstanceInformationCommand, SSMClient } from "@aws-sdk/client-ssm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { disposable, errorOf, resources, startTestEndpoint, type TestEndpoint } from "../../support/aws-endpoint.ts";

let endpoint: TestEndpoint;
beforeAll(async () => {
  endpoint = await startTestEndpoint();
});
afterAll(() => endpoint[Symbol.asyncDispose]());

describe("EC2's network", () => {
  test("describes subnets, route tables, groups and interfaces in every member that was given", async () => {
    using ec2 = disposable(new EC2Client(endpoint.config()));
    const { Subnets } = await ec2.send(new DescribeSubnetsCommand({}));
    expect(Subnets).toMatchObject(resources.subnets);
    const { RouteTables } = await ec2.send(new DescribeRouteTablesCommand({}));
    expect(RouteTables).toMatchObject(resources.routeTables);
    const { SecurityGroups } = await ec2.send(new DescribeSecurityGroupsCommand({}));
    expect(SecurityGroups).toMatchObject(resources.securityGroups);
    const { NetworkInterfaces } = await ec2.send(new DescribeNetworkInterfacesCommand({}));
    expect(NetworkInterfaces).toMatchObject(resources.networkInterfaces);
  });

  test("finds them by what hangs on them", async () => {
    using ec2 = disposable(new EC2Client(endpoint.config()));
    const tables = await ec2.send(
      new DescribeRouteTablesCommand({ Filters: [{ Name: "association.subnet-id", Values: ["subnet-2"] }] }),
    );
    expect(tables.RouteTables?.map((one) => one.RouteTableId)).toEqual(["rtb-1"]);
    const main = await ec2.send(
      new DescribeRouteTablesCommand({ Filters: [{ Name: "association.main", Values: ["true"] }] }),
    );
    expect(main.RouteTables?.map((one) => one.RouteTableId)).toEqual(["rtb-2"]);
    const holes = await ec2.send(
      new DescribeRouteTablesCommand({ Filters: [{ Name: "route.state", Values: ["blackhole"] }] }),
    );
    expect(holes.RouteTables?.map((one) => one.RouteTableId)).toEqual(["rtb-1"]);
    const attached = await ec2.send(
      new DescribeNetworkInterfacesCommand({ Filters: [{ Name: "attachment.instance-id", Values: ["i-1"] }] }),
    );
    expect(attached.NetworkInterfaces?.map((one) => one.NetworkInterfaceId)).toEqual(["eni-1"]);
    const tagged = await ec2.send(
      new DescribeNetworkInterfacesCommand({ Filters: [{ Name: "tag:postern:part", Values: ["network"] }] }),
    );
    expect(tagged.NetworkInterfaces?.map((one) => one.NetworkInterfaceId)).toEqual(["eni-1"]);
    const allowed = await ec2.send(
      new DescribeSecurityGroupsCommand({ Filters: [{ Name: "ip-permission.group-id", Values: ["sg-2"] }] }),
    );
    expect(allowed.SecurityGroups?.map((one) => one.GroupId)).toEqual(["sg-1"]);
  });

  test("tells the checks of instances that run, and of the others only when they are asked for", async () => {
    using ec2 = disposable(new EC2Client(endpoint.config()));
    const running = await ec2.send(new DescribeInstanceStatusCommand({}));
    expect(running.InstanceStatuses).toMatchObject([
      { InstanceState: { Name: "running" }, ...resources.instanceStatuses[0] },
    ]);
    const all = await ec2.send(new DescribeInstanceStatusCommand({ IncludeAllInstances: true }));
    expect(all.InstanceStatuses?.map((one) => [one.InstanceId, one.SystemStatus?.Status])).toEqual([
      ["i-1", "ok"],
      ["i-2", "not-applicable"],
    ]);
  });

  test.each([
    ["subnet", new DescribeSubnetsCommand({ SubnetIds: ["subnet-9"] }), "InvalidSubnetID.NotFound"],
    ["route table", new DescribeRouteTablesCommand({ RouteTableIds: ["rtb-9"] }), "InvalidRouteTableID.NotFound"],
    ["group", new DescribeSecurityGroupsCommand({ GroupIds: ["sg-9"] }), "InvalidGroup.NotFound"],
    [
      "interface",
      new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: ["eni-9"] }),
      "InvalidNetworkInterfaceID.NotFound",
    ],
  ] as const)("refuses an unknown %s", async (_case, command, name) => {
    using ec2 = disposable(new EC2Client(endpoint.config()));
    expect(await errorOf(ec2.send(command))).toMatchObject({ name, status: 400 });
  });
});

test("Systems Manager tells what it knows of agents", async () => {
  const instanceInformation = [
    {
      InstanceId: "i-1",
      PingStatus: "ConnectionLost" as const,
      LastPingDateTime: new Date("2026-01-02T03:04:05.000Z"),
      AgentVersion: "3.3.1142.0",
      PlatformType: "Linux" as const,
    },
  ];
  await using own = await startTestEndpoint({ model: { read: () => ({ ...resources, instanceInformation }) } });
  using ssm = disposable(new SSMClient(own.config()));
  const all = await ssm.send(new DescribeInstanceInformationCommand({}));
  expect(all.InstanceInformationList).toEqual(instanceInformation);
  const online = await ssm.send(
    new DescribeInstanceInformationCommand({ Filters: [{ Key: "PingStatus", Values: ["Online"] }] }),
  );
  expect(online.InstanceInformationList).toEqual([]);
});
