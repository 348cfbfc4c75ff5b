import { describe, expect, it } from "vitest";
import { matchesPattern } from "../support/event-pattern.ts";
import { evaluateWhole } from "../support/sst/evaluate.ts";
import type { Evaluation, RecordedResource } from "../support/sst/recorded.ts";
import { input, ofType } from "./rules/rule.ts";
import { parse } from "./rules/statements.ts";
import { adopting, everything, withTopic } from "./stages.ts";

const ruleType = "aws:cloudwatch/eventRule:EventRule";
const cluster = "arn:aws:ecs:eu-central-1:123456789012:LongRunCluster";
const logArn = "arn:aws:cloudwatch:eu-central-1:123456789012:AlarmLongRunStopsLog";

function only(evaluation: Evaluation, type: string): RecordedResource {
  const [found, ...others] = ofType(evaluation, type);
  if (found === undefined || others.length > 0) throw new Error(`Expected one ${type}.`);
  return found;
}

/** As ECS documents it, with what a test is about. */
function event(detail: object, clusterArn = cluster) {
  const ends = { stopCode: "EssentialContainerExited", containers: ended(0, 0) };
  return {
    source: "aws.ecs",
    "detail-type": "ECS Task State Change",
    detail: { clusterArn, lastStatus: "STOPPED", launchType: "FARGATE", ...ends, ...detail },
  };
}

/** The containers of a task by their exit codes; undefined where one never ran. */
function ended(bundle: number | undefined, runner: number | undefined) {
  return [container("bundle", bundle), container("runner", runner)];
}

function container(name: string, exitCode: number | undefined) {
  return { name, lastStatus: "STOPPED", ...(exitCode === undefined ? {} : { exitCode }) };
}

describe("the end of a long run", () => {
  it.each([
    ["a run that failed", { containers: ended(0, 1) }],
    ["one that was killed for its memory", { containers: ended(0, 137) }],
    ["a bundle that could not be fetched", { stopCode: "TaskFailedToStart", containers: ended(1, undefined) }],
    ["an image that could not be pulled", { stopCode: "TaskFailedToStart", containers: ended(undefined, undefined) }],
    ["no network interface", { stopCode: undefined, containers: [] }],
    ["containers without a code, whatever the reason", { containers: ended(undefined, undefined) }],
    ["a task that was stopped before it ran", { stopCode: "UserInitiated", containers: ended(undefined, undefined) }],
    [
      "a task that AWS stops between two containers",
      { stopCode: "TerminationNotice", containers: ended(0, undefined) },
    ],
  ])("is told: %s", async (_what, detail) => {
    const pattern = JSON.parse(String(input(only(await evaluateWhole(everything("dev")), ruleType), "eventPattern")));
    expect(matchesPattern(pattern as Record<string, unknown>, event(detail))).toBe(true);
  });

  it.each([
    ["a run that did its work", event({})],
    ["a task that runs", event({ lastStatus: "RUNNING", stopCode: undefined, containers: [{ name: "bundle" }] })],
    ["a task of another cluster", event({ containers: ended(0, 137) }, `${cluster}-other`)],
    ["another event of ECS", { ...event({ containers: ended(0, 137) }), "detail-type": "ECS Service Action" }],
  ])("is not told: %s", async (_what, other) => {
    const pattern = JSON.parse(String(input(only(await evaluateWhole(everything("dev")), ruleType), "eventPattern")));
    expect(matchesPattern(pattern as Record<string, unknown>, other)).toBe(false);
  });

  it("is written to a log, which is counted as failed runs are, so that one alarm tells of it once", async () => {
    const evaluation = await evaluateWhole(everything("dev"));
    const target = only(evaluation, "aws:cloudwatch/eventTarget:EventTarget");
    expect(target.inputs).toMatchObject({ rule: "postern-dev-long-run-stops", arn: logArn });
    // Until then events would be lost, and nobody would know.
    expect(target.options.dependsOn).toContain("AlarmLongRunStopsPolicy");
    const filters = ofType(evaluation, "aws:cloudwatch/logMetricFilter:LogMetricFilter");
    const filter = filters.find((one) => input(one, "logGroupName") === "/postern/dev/long-run-stops");
    expect(filter?.inputs).toMatchObject({
      pattern: '{ $.detail.lastStatus = "STOPPED" }',
      metricTransformation: { namespace: "Postern", name: "dev-failed-runs", value: "1" },
    });
    const told = ofType(evaluation, "aws:cloudwatch/metricAlarm:MetricAlarm").filter(
      (alarm) => input(alarm, "metricName") === "dev-failed-runs",
    );
    expect(told.map((alarm) => [input(alarm, "namespace"), input(alarm, "alarmActions")])).toEqual([
      ["Postern", ["arn:aws:sns:eu-central-1:123456789012:AlarmTopic"]],
    ]);
  });

  it("is written there by its rule alone", async () => {
    const policy = only(await evaluateWhole(everything("dev")), "aws:cloudwatch/logResourcePolicy:LogResourcePolicy");
    const senders = { Service: ["events.amazonaws.com", "delivery.logs.amazonaws.com"] };
    expect(parse(policy, input(policy, "policyDocument"))).toEqual([
      expect.objectContaining({
        actions: ["logs:CreateLogStream"],
        resources: [`${logArn}:*`],
        principals: senders,
      }),
      expect.objectContaining({
        actions: ["logs:PutLogEvents"],
        resources: [`${logArn}:*`],
        principals: senders,
        conditions: {
          ArnEquals: { "aws:SourceArn": "arn:aws:cloudwatch:eu-central-1:123456789012:AlarmLongRunStops" },
        },
      }),
    ]);
  });

  it.each([
    ["where nobody is told", adopting("fine")],
    ["without long runs", withTopic],
  ])("makes nothing %s", async (_where, options) => {
    const { resources } = await evaluateWhole(options);
    expect(resources.filter(({ name }) => name.startsWith("AlarmLongRun"))).toEqual([]);
  });
});
