import {
  DescribeCertificatesCommand,
  DescribeDBClustersCommand,
  DescribeDBInstancesCommand,
  DescribeDBProxiesCommand,
  DescribeDBProxyTargetsCommand,
  DescribeEventsCommand,
  RDSClient,
  StartDBInstanceCommand,
  StopDBInstanceCommand,
} from "@aws-sdk/client-rds";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAwsModel } from "#lib/local/aws/model.ts";
import { disposable, errorOf, resources, startTestEndpoint, type TestEndpoint } from "../../support/aws-endpoint.ts";
import { createSteppedClock } from "../../support/stepped-clock.ts";

let endpoint: TestEndpoint;
beforeAll(async () => {
  endpoint = await startTestEndpoint();
});
afterAll(() => endpoint[Symbol.asyncDispose]());

describe("RDS", () => {
  test("describes instances in every member that was given", async () => {
    using rds = disposable(new RDSClient(endpoint.config()));
    const { DBInstances } = await rds.send(new DescribeDBInstancesCommand({}));
    expect(DBInstances).toMatchObject(resources.dbInstances);
  });

  test("describes one instance, the proxies and a proxy's targets", async () => {
    using rds = disposable(new RDSClient(endpoint.config()));
    const one = await rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: "other" }));
    expect(one.DBInstances?.map((instance) => instance.DBInstanceIdentifier)).toEqual(["other"]);
    const proxies = await rds.send(new DescribeDBProxiesCommand({ DBProxyName: "postern-local" }));
    expect(proxies.DBProxies).toMatchObject(resources.dbProxies);
    const targets = await rds.send(new DescribeDBProxyTargetsCommand({ DBProxyName: "postern-local" }));
    expect(targets.Targets).toEqual(resources.dbProxyTargets["postern-local"]);
  });

  test("tells events of a source and a time, and without a time those of the last hour", async () => {
    using rds = disposable(new RDSClient(endpoint.config()));
    expect((await rds.send(new DescribeEventsCommand({}))).Events).toEqual([]);
    const StartTime = new Date("2026-01-01T00:00:00.000Z");
    const all = await rds.send(new DescribeEventsCommand({ StartTime }));
    expect(all.Events).toMatchObject(resources.dbEvents);
    const ofInstance = { SourceType: "db-instance", SourceIdentifier: "postern-local" } as const;
    const some = await rds.send(new DescribeEventsCommand({ ...ofInstance, StartTime }));
    expect(some.Events).toMatchObject(resources.dbEvents.slice(0, 1));
    const none = await rds.send(new DescribeEventsCommand({ StartTime, EventCategories: ["failure"] }));
    expect(none.Events).toEqual([]);
  });

  test("describes the authorities", async () => {
    using rds = disposable(new RDSClient(endpoint.config()));
    const { Certificates } = await rds.send(new DescribeCertificatesCommand({}));
    expect(Certificates).toMatchObject(resources.certificates);
  });

  test.each([
    [
      "a source without its type",
      new DescribeEventsCommand({ SourceIdentifier: "postern-local" }),
      "InvalidParameterCombination",
      400,
    ],
    [
      "an unknown authority",
      new DescribeCertificatesCommand({ CertificateIdentifier: "x" }),
      "CertificateNotFoundFault",
      404,
    ],
    [
      "an unknown instance",
      new DescribeDBInstancesCommand({ DBInstanceIdentifier: "x" }),
      "DBInstanceNotFoundFault",
      404,
    ],
    ["an unknown proxy", new DescribeDBProxiesCommand({ DBProxyName: "x" }), "DBProxyNotFoundFault", 404],
    [
      "targets of an unknown proxy",
      new DescribeDBProxyTargetsCommand({ DBProxyName: "x" }),
      "DBProxyNotFoundFault",
      404,
    ],
    ["an action that is not offered", new DescribeDBClustersCommand({}), "InvalidAction", 400],
    [
      "a filter, which it would have to ignore",
      new DescribeDBInstancesCommand({ Filters: [{ Name: "engine", Values: ["postgres"] }] }),
      "InvalidParameterValue",
      400,
    ],
  ] as const)("refuses %s", async (_case, command, name, status) => {
    using rds = disposable(new RDSClient(endpoint.config()));
    expect(await errorOf(rds.send(command as DescribeDBInstancesCommand))).toMatchObject({ name, status });
  });
});

test("an instance is stopped and started in its own time, and RDS tells it", async () => {
  const clock = createSteppedClock();
  using model = createAwsModel(resources, clock);
  await using own = await startTestEndpoint({ model });
  using rds = disposable(new RDSClient(own.config()));
  const instance = { DBInstanceIdentifier: "postern-local" };
  const started = rds.send(new StartDBInstanceCommand(instance));
  expect(await errorOf(started)).toMatchObject({ name: "InvalidDBInstanceStateFault", status: 400 });
  const { DBInstance } = await rds.send(new StopDBInstanceCommand(instance));
  expect(DBInstance).toMatchObject({ ...instance, DBInstanceStatus: "stopping" });
  expect(await errorOf(rds.send(new StopDBInstanceCommand(instance)))).toMatchObject({
    name: "InvalidDBInstanceStateFault",
  });
  await clock.advance(10_000);
  await rds.send(new StartDBInstanceCommand(instance));
  await clock.advance(10_000);
  const { DBInstances } = await rds.send(new DescribeDBInstancesCommand(instance));
  expect(DBInstances).toMatchObject([{ DBInstanceStatus: "available" }]);
  expect(
    model
      .read()
      .dbEvents.slice(-2)
      .map(({ Message }) => Message),
  ).toEqual(["DB instance stopped", "DB instance started"]);
});
