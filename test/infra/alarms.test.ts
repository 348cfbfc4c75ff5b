import { describe, expect, it } from "vitest";
import { evaluate, type EvaluateOptions, evaluateWhole } from "../support/sst/evaluate.ts";
import type { RecordedResource } from "../support/sst/recorded.ts";
import { declaredInAws, input, ofType } from "./rules/rule.ts";
import { dev, everything, existing, stage, topicArn, withTopic } from "./stages.ts";

async function alarmsOf(options: EvaluateOptions) {
  const evaluation = await evaluateWhole(options);
  const all = ofType(evaluation, "aws:cloudwatch/metricAlarm:MetricAlarm");
  return { evaluation, alarms: all.filter(({ name }) => name.startsWith("Alarm")) };
}

function thresholdOf(alarms: readonly RecordedResource[], name: string): unknown {
  const found = alarms.find((alarm) => alarm.name === name);
  return found && input(found, "threshold");
}

describe("alarms", () => {
  it("are none where the stage says nobody to tell", async () => {
    const { evaluation, alarms } = await alarmsOf({ stage: "dev" });
    expect(alarms).toEqual([]);
    expect(ofType(evaluation, "aws:sns/topic:Topic")).toEqual([]);
  });

  it("go to the topic that the stage names", async () => {
    const { evaluation, alarms } = await alarmsOf(withTopic);
    expect(ofType(evaluation, "aws:sns/topic:Topic")).toEqual([]);
    expect(new Set(alarms.map((alarm) => String(input(alarm, "alarmActions"))))).toEqual(new Set([topicArn]));
    expect(alarms.map((alarm) => `${alarm.name} ${String(input(alarm, "metricName"))}`).toSorted()).toEqual([
      "AlarmDatabaseConnections DatabaseConnections",
      "AlarmDatabaseCpu CPUUtilization",
      "AlarmDatabaseStorage FreeStorageSpace",
      "AlarmHealth5xx Url5xxCount",
      "AlarmNat1Status StatusCheckFailed",
      "AlarmNat2Status StatusCheckFailed",
      "AlarmProxyBorrowLatency DatabaseConnectionsBorrowLatency",
      "AlarmRunnerDropped AsyncEventsDropped",
      "AlarmRunnerErrors Errors",
      "AlarmRunnerFailedRuns staging-failed-runs",
    ]);
  });

  it("are refused a topic of another region, which CloudWatch cannot reach, before anything is declared", async () => {
    const elsewhere = "arn:aws:sns:us-east-1:123456789012:on-call";
    const evaluation = await evaluate(dev({ alarms: { topicArn: elsewhere } }));
    expect(evaluation.errors).toEqual([
      expect.stringContaining(`alarms.topicArn: ${elsewhere}; expected a topic of eu-central-1`),
    ]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("compare what they measure with what is too much, or too little", async () => {
    const { alarms } = await alarmsOf(withTopic);
    const little = alarms.filter((alarm) => input(alarm, "comparisonOperator") === "LessThanThreshold");
    expect(little.map(({ name }) => name)).toEqual(["AlarmDatabaseStorage"]);
    // A twentieth of 20 GB that grow.
    expect(thresholdOf(alarms, "AlarmDatabaseStorage")).toBe(2 ** 30);
    const others = alarms.filter((alarm) => !little.includes(alarm));
    expect(new Set(others.map((alarm) => input(alarm, "comparisonOperator")))).toEqual(
      new Set(["GreaterThanOrEqualToThreshold"]),
    );
  });

  it("are about this stage's parts, and say when it is over", async () => {
    const { alarms } = await alarmsOf(withTopic);
    const dimensions = Object.fromEntries(alarms.map((alarm) => [alarm.name.slice(5), input(alarm, "dimensions")]));
    expect(dimensions).toEqual({
      DatabaseConnections: { DBInstanceIdentifier: "postern-staging" },
      DatabaseCpu: { DBInstanceIdentifier: "postern-staging" },
      DatabaseStorage: { DBInstanceIdentifier: "postern-staging" },
      Health5xx: { FunctionName: "postern-staging-health" },
      Nat1Status: { InstanceId: "NetworkNatInstance1-id" },
      Nat2Status: { InstanceId: "NetworkNatInstance2-id" },
      ProxyBorrowLatency: { ProxyName: "postern-staging" },
      RunnerDropped: { FunctionName: "postern-staging-runner" },
      RunnerErrors: { FunctionName: "postern-staging-runner" },
      RunnerFailedRuns: undefined,
    });
    expect(new Set(alarms.map((alarm) => String(input(alarm, "okActions"))))).toEqual(new Set([topicArn]));
  });

  it("take silence for a failure of an instance, which measures itself while it runs, and of nothing else", async () => {
    const { alarms } = await alarmsOf(withTopic);
    const alarmed = alarms.filter((alarm) => input(alarm, "treatMissingData") === "breaching").map(({ name }) => name);
    expect(alarmed.toSorted()).toEqual(["AlarmNat1Status", "AlarmNat2Status"]);
  });

  it("count the failed runs of the long-run task as those of the runner", async () => {
    const evaluation = await evaluateWhole(everything("dev"));
    const filters = ofType(evaluation, "aws:cloudwatch/logMetricFilter:LogMetricFilter");
    expect(filters.map((filter) => String(input(filter, "logGroupName"))).toSorted()).toEqual([
      "/aws/lambda/postern-dev-runner",
      "/postern/dev/long-run-stops",
      "/postern/dev/long-runs",
    ]);
    const counted = new Set(filters.map((filter) => String(input(filter, "metricTransformation", "name"))));
    expect(counted).toEqual(new Set(["dev-failed-runs"]));
  });

  it("go to an address through a topic of the stage's own", async () => {
    const { evaluation, alarms } = await alarmsOf(everything("dev"));
    const [subscription] = ofType(evaluation, "aws:sns/topicSubscription:TopicSubscription");
    expect(subscription?.inputs).toMatchObject({ protocol: "email", endpoint: "on-call@example.com" });
    expect(alarms.every(({ options }) => options.dependsOn.includes("AlarmTopic"))).toBe(true);
    expect(alarms.map(({ name }) => name)).not.toContain("AlarmProxyBorrowLatency");
  });

  it("about connections come before the smallest class is full, through the proxy, too", async () => {
    const { alarms } = await alarmsOf(everything("production"));
    // A t4g.small takes about 181 connections, of which the proxy's pool is 90 %.
    expect(thresholdOf(alarms, "AlarmDatabaseConnections")).toBeLessThan(181 * 0.9);
  });

  it("of an adopted database are about its class and its storage, not those of the settings", async () => {
    const { alarms } = await alarmsOf(
      dev({ alarms: { topicArn }, network: { existing }, database: { adopt: "fine" } }),
    );
    // An r8g.large with 500 GB that do not grow.
    expect(thresholdOf(alarms, "AlarmDatabaseConnections")).toBe(1081);
    expect(thresholdOf(alarms, "AlarmDatabaseStorage")).toBe(50 * 2 ** 30);
  });

  it.each([
    ["20 GB that have grown to 60 and go on", "running", {}, 3],
    ["500 GB of an adopted instance that grow", "dev", { network: { existing }, database: { adopt: "growing" } }, 25],
  ])("about storage: %s (stage %s)", async (_what, name, settings, gib) => {
    const { alarms } = await alarmsOf(stage(name, { ...settings, alarms: { topicArn } }));
    expect(thresholdOf(alarms, "AlarmDatabaseStorage")).toBe(gib * 2 ** 30);
  });
});
