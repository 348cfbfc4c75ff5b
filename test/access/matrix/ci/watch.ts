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

const listen = "events:PutRule";
const tell = "events:PutTargets";
const ownLog = toTarget("logs", "log-group:/postern/pr-7/long-run-stops", "development");

/** EventBridge shows a rule whatever happens in the account, and sends what the rule's owner likes to whoever trusts it. */
export const deployRuleRows: readonly Row[] = [
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
