import { appName } from "#lib/contract.ts";
import type { Statement } from "../../statement.ts";
import { arn } from "../../arn.ts";
import { getsStageTag, hasStageTag, ofStages, type Scope } from "../place.ts";

/** Alarms and whom they tell, rules of EventBridge, and what can be limited by no resource: AWS takes `*` alone for it. */
export function mayWatch(scope: Scope): readonly Statement[] {
  const { account } = scope;
  const alarms = ofStages(scope, "cloudwatch", (stage) => `alarm:${appName}-${stage}-*`);
  const rules = ofStages(scope, "events", (stage) => `rule/${appName}-${stage}-*`);
  return [
    {
      Sid: "Alarms",
      Effect: "Allow",
      Action: [
        "cloudwatch:DeleteAlarms",
        "cloudwatch:ListTagsForResource",
        "cloudwatch:TagResource",
        "cloudwatch:UntagResource",
      ],
      Resource: alarms,
    },
    {
      // CloudWatch acts with a role of its own, whosever instance the alarm is about: nothing is stopped, ended or invoked.
      Sid: "AlarmsThatTell",
      Effect: "Allow",
      Action: "cloudwatch:PutMetricAlarm",
      Resource: alarms,
      Condition: {
        "ForAllValues:StringLike": {
          "cloudwatch:AlarmActions": [
            arn(account, "automate", "recover", { account: "ec2" }),
            arn(account, "automate", "reboot", { account: "ec2" }),
            arn(account, "sns", "*", { account: "*" }),
          ],
        },
      },
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
        "sns:Unsubscribe",
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
        "events:RemoveTargets",
        "events:TagResource",
        "events:UntagResource",
      ],
      Resource: rules,
    },
    {
      // Any other pattern would show whatever happens in the account, who asked AWS for what among it.
      Sid: "ListenToTasks",
      Effect: "Allow",
      Action: "events:PutRule",
      Resource: rules,
      Condition: {
        "ForAllValues:StringEquals": { "events:source": "aws.ecs", "events:detail-type": "ECS Task State Change" },
        Null: { "events:source": "false", "events:detail-type": "false" },
      },
    },
    {
      // A rule may send any text to any topic that trusts EventBridge, that of the reports of tunnels among them.
      Sid: "WriteOwnLog",
      Effect: "Allow",
      Action: "events:PutTargets",
      Resource: rules,
      Condition: {
        "ForAllValues:ArnLike": {
          "events:TargetArn": ofStages(scope, "logs", (stage) => `log-group:/${appName}/${stage}/*`),
        },
        Null: { "events:TargetArn": "false" },
      },
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
        "ssm:DescribeParameters",
        "tag:GetResources",
      ],
      Resource: "*",
    },
  ];
}
