import { type Context } from "../../evaluation/decide.ts";
import { accountIds, allow, deny, type Principal, type Row } from "../row.ts";
import { inDevelopment } from "../targets.ts";
import { preview } from "./principals.ts";

const rule = inDevelopment("its own rule", "events", "rule/postern-pr-7-long-run-stops");

/** What a rule listens to, as EventBridge reads it from the pattern; what a pattern does not name is not there. */
export const ofTasks = { "events:source": ["aws.ecs"], "events:detail-type": ["ECS Task State Change"] };

export function toTarget(service: string, resource: string, account: Principal["account"]): Context {
  return { "events:TargetArn": [`arn:aws:${service}:eu-central-1:${accountIds[account]}:${resource}`] };
}

const alarm = inDevelopment("its own alarm", "cloudwatch", "alarm:postern-pr-7-NatReboot");

function doing(...actions: readonly string[]): Context {
  return { "cloudwatch:AlarmActions": actions.map((action) => `arn:aws:${action}`) };
}

/** What an alarm does CloudWatch does with a role of its own, whosever instance the alarm is about. */
const alarmRows: readonly Row[] = [
  ...["automate:eu-central-1:ec2:recover", "automate:eu-central-1:ec2:reboot"].map((action) =>
    allow(preview, "cloudwatch:PutMetricAlarm", alarm, "it brings back an instance", doing(action)),
  ),
  allow(
    preview,
    "cloudwatch:PutMetricAlarm",
    alarm,
    "it tells a topic, which may be another account's",
    doing("sns:eu-central-1:222222222222:on-call"),
  ),
  ...[
    "automate:eu-central-1:ec2:stop",
    "automate:eu-central-1:ec2:terminate",
    "lambda:eu-central-1:111111111111:function:shop",
  ].flatMap((action) => [
    deny(preview, "cloudwatch:PutMetricAlarm", alarm, "it ends or starts nothing", doing(action)),
    deny(preview, "cloudwatch:PutMetricAlarm", alarm, "nor beside", doing("automate:eu-central-1:ec2:reboot", action)),
  ]),
];

const listen = "events:PutRule";
const tell = "events:PutTargets";
const ownLog = toTarget("logs", "log-group:/postern/pr-7/long-run-stops", "development");

/** EventBridge shows a rule whatever happens in the account, and sends what the rule's owner likes to whoever trusts it. */
export const deployRuleRows: readonly Row[] = [
  ...alarmRows,
  allow(preview, listen, rule, "ends of tasks", ofTasks),
  deny(preview, listen, rule, "what everybody asks AWS for", {
    "events:source": ["aws.ssm"],
    "events:detail-type": ["AWS API Call via CloudTrail"],
  }),
  deny(preview, listen, rule, "what anybody asks ECS for", {
    ...ofTasks,
    "events:detail-type": ["AWS API Call via CloudTrail"],
  }),
  deny(preview, listen, rule, "another source beside", { ...ofTasks, "events:source": ["aws.ecs", "aws.ssm"] }),
  deny(preview, listen, rule, "any source", { "events:detail-type": ofTasks["events:detail-type"] }),
  deny(preview, listen, rule, "anything of ECS", { "events:source": ofTasks["events:source"] }),
  allow(preview, tell, rule, "its own log", ownLog),
  deny(
    preview,
    tell,
    rule,
    "a report of a tunnel that nobody opened",
    toTarget("sns", "postern-access-tunnels", "development"),
  ),
  deny(
    preview,
    tell,
    rule,
    "other stage's log",
    toTarget("logs", "log-group:/postern/dev/long-run-stops", "development"),
  ),
  deny(preview, tell, rule, "another account's bus", toTarget("events", "event-bus/default", "production")),
  deny(preview, tell, rule, "its own log and another target", {
    "events:TargetArn": [ownLog, toTarget("sns", "postern-access-tunnels", "development")].flatMap(
      (one) => one["events:TargetArn"] ?? [],
    ),
  }),
  deny(preview, tell, rule, "no target that is known"),
];
