import { createLog } from "../logs.ts";
import type { StageSettings } from "../settings/schema.ts";

/** Every end of a task but the good one, in which its containers have ended by themselves, all with 0. */
const badEnds = [
  // It never started (no image, no address, a role that is missing), or somebody or AWS has stopped it.
  { stopCode: [{ "anything-but": "EssentialContainerExited" }, { exists: false }] },
  // A container was killed, for its memory for example, or failed; without a code it never ran.
  { containers: { exitCode: [{ "anything-but": 0 }, { exists: false }] } },
];

/**
 * Writes to a log of its own how long runs ended that could not, or did not, end well: a task that is killed or never
 * starts says nothing in its own log, and ECS forgets it within the hour. Whoever counts the lines can tell somebody.
 *
 * Not to the topic at once: EventBridge documents that a topic's policy cannot hold conditions for it, so that the rules
 * of every account could write to it, and a topic that is not ours would need a right that alarms do not need. Nor by
 * EventBridge's own metrics, which it may lose.
 *
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
 *
 * @returns the name of the log group
 */
export function logBadStops(clusterArn: $util.Input<string>, settings: StageSettings): $util.Output<string> {
  const physicalName = `${$app.name}-${$app.stage}-long-run-stops`;
  const log = createLog("AlarmLongRunStopsLog", `/${$app.name}/${$app.stage}/long-run-stops`, settings);
  const rule = new aws.cloudwatch.EventRule("AlarmLongRunStops", {
    name: physicalName,
    description: `Long runs of the stage ${$app.stage} that did not end well`,
    eventPattern: $jsonStringify({
      source: ["aws.ecs"],
      "detail-type": ["ECS Task State Change"],
      detail: { clusterArn: [clusterArn], lastStatus: ["STOPPED"], $or: badEnds },
    }),
  });
  const policy = new aws.cloudwatch.LogResourcePolicy("AlarmLongRunStopsPolicy", {
    policyName: physicalName,
    policyDocument: $jsonStringify(mayWrite(log.arn, rule.arn)),
  });
  new aws.cloudwatch.EventTarget("AlarmLongRunStopsTarget", { rule: rule.name, arn: log.arn }, { dependsOn: [policy] });
  return log.name;
}

/** As the provider documents it: the stream is opened without saying for which rule. */
function mayWrite(logArn: $util.Input<string>, ruleArn: $util.Input<string>) {
  const shared = {
    Effect: "Allow",
    Principal: { Service: ["events.amazonaws.com", "delivery.logs.amazonaws.com"] },
    Resource: $interpolate`${logArn}:*`,
  };
  const onlyFromRule = { ArnEquals: { "aws:SourceArn": ruleArn } };
  return {
    Version: "2012-10-17",
    Statement: [
      { ...shared, Sid: "OpenStream", Action: "logs:CreateLogStream" },
      { ...shared, Sid: "WriteEvents", Action: "logs:PutLogEvents", Condition: onlyFromRule },
    ],
  };
}
