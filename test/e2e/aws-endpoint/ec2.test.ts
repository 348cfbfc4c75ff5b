import {
  DescribeAddressesCommand,
  DescribeInstancesCommand,
  type DescribeInstancesCommandInput,
  DescribeVpcsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { disposable, errorOf, resources, startTestEndpoint, type TestEndpoint } from "../../support/aws-endpoint.ts";

let endpoint: TestEndpoint;
beforeAll(async () => {
  endpoint = await startTestEndpoint();
});
afterAll(() => endpoint[Symbol.asyncDispose]());

describe("EC2", () => {
  test("describes instances in every member that was given", async () => {
    using ec2 = disposable(new EC2Client(endpoint.config()));
    const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: ["i-1"] }));
    expect(Reservations?.flatMap(({ Instances }) => Instances)).toMatchObject(resources.instances.slice(0, 1));
  });

  test("filters by tag and by state, all filters at once", async () => {
    const byTag = { Name: "tag:postern:part", Values: ["bastion"] };
    expect(await ids({ Filters: [byTag] })).toEqual(["i-1", "i-2"]);
    expect(await ids({ Filters: [byTag, { Name: "instance-state-name", Values: ["pending", "running"] }] })).toEqual([
      "i-1",
    ]);
    expect(await ids({ Filters: [{ Name: "tag:other", Values: ["bastion"] }] })).toEqual([]);
  });

  test("describes addresses, all or those that are asked for", async () => {
    using ec2 = disposable(new EC2Client(endpoint.config()));
    const all = await ec2.send(new DescribeAddressesCommand({}));
    expect(all.Addresses).toMatchObject(resources.addresses);
    const one = await ec2.send(
      new DescribeAddressesCommand({ Filters: [{ Name: "public-ip", Values: ["192.0.2.2"] }] }),
    );
    expect(one.Addresses?.map(({ AllocationId }) => AllocationId)).toEqual(["eipalloc-2"]);
  });

  test.each([
    ["an unknown instance", new DescribeInstancesCommand({ InstanceIds: ["i-9"] }), "InvalidInstanceID.NotFound"],
    ["an unknown address", new DescribeAddressesCommand({ PublicIps: ["192.0.2.9"] }), "InvalidAddress.NotFound"],
    [
      "an unknown allocation",
      new DescribeAddressesCommand({ AllocationIds: ["eipalloc-9"] }),
      "InvalidAllocationID.NotFound",
    ],
    [
      "a filter it does not know",
      new DescribeInstancesCommand({ Filters: [{ Name: "x", Values: ["y"] }] }),
      "InvalidParameterValue",
    ],
    ["an action that is not offered", new DescribeVpcsCommand({}), "InvalidAction"],
  ] as const)("refuses %s", async (_case, command, name) => {
    using ec2 = disposable(new EC2Client(endpoint.config()));
    expect(await errorOf(ec2.send(command))).toMatchObject({ name, status: 400 });
  });
});

async function ids(input: DescribeInstancesCommandInput): Promise<unknown> {
  using ec2 = disposable(new EC2Client(endpoint.config()));
  const { Reservations } = await ec2.send(new DescribeInstancesCommand(input));
  return Reservations?.flatMap(({ Instances }) => Instances?.map(({ InstanceId }) => InstanceId));
}
