import { CfnRule } from "aws-cdk-lib/aws-events";
import type { CfnKey } from "aws-cdk-lib/aws-kms";
import { CfnResourcePolicy } from "aws-cdk-lib/aws-logs";
import { CfnSubscription, CfnTopic, CfnTopicPolicy } from "aws-cdk-lib/aws-sns";
import type { Stack } from "aws-cdk-lib";
import { appName } from "#lib/contract.ts";
import { arn } from "../arn.ts";
import { unprotectedStages } from "../own-stage.ts";
import type { Account } from "../settings.ts";
import { policyDocument } from "../statement.ts";
import { logNames } from "./key.ts";
import { declareLog } from "./log.ts";
import { sessionsToTell } from "./pattern.ts";

const ruleName = `${appName}-access-tunnels`;

/**
 * Tells of every session that may lead to a protected stage.
 *
 * 1. A rule on CloudTrail's events (`pattern.ts`); the account needs a trail that records management events.
 * 2. The whole event into a log of our own. Only this rule may write to it: it is the record.
 * 3. Who, where, with what, from where to a topic, for people. EventBridge documents that a topic's policy can hold no condition for
 *    it: a rule of another account that knows the topic could write to it, too. What is not in the log did not happen.
 *    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
 */
export function declareReports(stack: Stack, account: Account, key: CfnKey): void {
  const ruleArn = arn(account, "events", `rule/${ruleName}`);
  const log = declareLog(stack, "TunnelLog", logNames.tunnels, key);
  const logArn = arn(account, "logs", `log-group:${logNames.tunnels}`);
  const mayWrite = new CfnResourcePolicy(stack, "TunnelLogPolicy", {
    policyName: ruleName,
    policyDocument: JSON.stringify(
      policyDocument([
        {
          Sid: "OpenStream",
          Effect: "Allow",
          Principal: { Service: "events.amazonaws.com" },
          Action: "logs:CreateLogStream",
          Resource: `${logArn}:*`,
        },
        {
          Sid: "WriteEvents",
          Effect: "Allow",
          Principal: { Service: "events.amazonaws.com" },
          Action: "logs:PutLogEvents",
          Resource: `${logArn}:*`,
          Condition: { ArnEquals: { "aws:SourceArn": ruleArn } },
        },
      ]),
    ),
  });
  const topic = declareTopic(stack, account, key);
  const rule = new CfnRule(stack, "Tunnels", {
    name: ruleName,
    description: "Sessions that may lead to a protected stage",
    eventPattern: sessionsToTell(unprotectedStages(account)),
    targets: [
      { id: "log", arn: logArn },
      { id: "topic", arn: topic.ref, inputTransformer: { inputPathsMap: paths, inputTemplate: message } },
    ],
  });
  for (const needed of [log, mayWrite]) rule.addResourceDependency(needed);
}

const paths = {
  who: "$.detail.userIdentity.arn",
  at: "$.detail.eventTime",
  from: "$.detail.sourceIPAddress",
  target: "$.detail.requestParameters.target",
  document: "$.detail.requestParameters.documentName",
  session: "$.detail.responseElements.sessionId",
  error: "$.detail.errorCode",
};

/** What an event has not is left out. */
const message = [
  '"A session that may lead to a protected stage was asked for."',
  '"who: <who>"',
  '"when: <at>"',
  '"from: <from>"',
  '"instance: <target>"',
  '"document: <document>"',
  '"session: <session>"',
  '"refused: <error>"',
].join("\n");

function declareTopic(stack: Stack, account: Account, key: CfnKey): CfnTopic {
  const topicName = `${appName}-access-tunnels`;
  const topicArn = arn(account, "sns", topicName);
  const topic = new CfnTopic(stack, "TunnelTopic", { topicName, kmsMasterKeyId: key.ref });
  new CfnTopicPolicy(stack, "TunnelTopicPolicy", {
    topics: [topic.ref],
    policyDocument: policyDocument([
      {
        Sid: "Rule",
        Effect: "Allow",
        Principal: { Service: "events.amazonaws.com" },
        Action: "sns:Publish",
        Resource: topicArn,
      },
      {
        Sid: "TlsOnly",
        Effect: "Deny",
        Principal: { AWS: "*" },
        Action: "sns:Publish",
        Resource: topicArn,
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      },
    ]),
  });
  const { email } = account.audit;
  if (email !== undefined) {
    new CfnSubscription(stack, "TunnelEmail", { topicArn: topic.ref, protocol: "email", endpoint: email });
  }
  return topic;
}
