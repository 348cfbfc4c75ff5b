import { appName } from "#lib/contract.ts";
import type { Statement } from "../../statement.ts";
import { arn } from "../../arn.ts";
import { getsStageTag, hasStageTag, ofStages, type Scope } from "../place.ts";

/** Alarms and whom they tell, rules of EventBridge, and what can be limited by no resource: AWS takes `*` alone for it. */
export function mayWatch(scope: Scope): readonly Statement[] {
  const { account } = scope;
  return [
    {
      Sid: "Alarms",
      Effect: "Allow",
      Action: [
        "cloudwatch:DeleteAlarms",
        "cloudwatch:ListTagsForResource",
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:TagResource",
        "cloudwatch:UntagResource",
      ],
      Resource: ofStages(scope, "cloudwatch", (stage) => `alarm:${appName}-${stage}-*`),
    },
    {
      Sid: "AlarmTopic",
      Effect: "Allow",
      Action: [
        "sns:CreateTopic",
        "sns:DeleteTopic",
        "sns:GetTopicAttributes",
        "sns:ListTagsForResource",
        "sns:SetTopicAttributes",
        "sns:Subscribe",
        "sns:TagResource",
        "sns:UntagResource",
      ],
      Resource: ofStages(scope, "sns", (stage) => `${appName}-${stage}-alarms`),
    },
    {
      Sid: "Rules",
      Effect: "Allow",
      Action: [
        "events:DeleteRule",
        "events:DescribeRule",
        "events:ListTagsForResource",
        "events:ListTargetsByRule",
        "events:PutRule",
        "events:PutTargets",
        "events:RemoveTargets",
        "events:TagResource",
        "events:UntagResource",
      ],
      Resource: ofStages(scope, "events", (stage) => `rule/${appName}-${stage}-*`),
    },
    {
      // SST gives each VPC a namespace of Cloud Map, which is a private zone of Route 53.
      Sid: "MakeNamespace",
      Effect: "Allow",
      Action: ["servicediscovery:CreatePrivateDnsNamespace", "servicediscovery:TagResource"],
      Resource: "*",
      Condition: getsStageTag(scope),
    },
    {
      Sid: "OwnNamespace",
      Effect: "Allow",
      Action: ["servicediscovery:DeleteNamespace"],
      Resource: arn(account, "servicediscovery", "namespace/*"),
      Condition: hasStageTag(scope),
    },
    {
      Sid: "WithoutResource",
      Effect: "Allow",
      Action: [
        "cloudwatch:DescribeAlarms",
        "ecs:DeregisterTaskDefinition",
        "ecs:DescribeTaskDefinition",
        "logs:DeleteResourcePolicy",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:PutResourcePolicy",
        "route53:CreateHostedZone",
        "route53:DeleteHostedZone",
        "route53:GetHostedZone",
        "route53:ListHostedZonesByName",
        "servicediscovery:GetNamespace",
        "servicediscovery:GetOperation",
        "servicediscovery:ListTagsForResource",
        "servicediscovery:UntagResource",
        "sns:GetSubscriptionAttributes",
        "sns:Unsubscribe",
        "ssm:DescribeParameters",
        "tag:GetResources",
      ],
      Resource: "*",
    },
  ];
}
