import type { Context } from "../../evaluation/decide.ts";
import { preview, production, under } from "./principals.ts";
import { accountIds, allow, deny, type Principal, type Row } from "../row.ts";
import { s3 } from "../targets.ts";
import { ofTasks, toTarget } from "./watch.ts";

type Given = (as: Principal, own: string) => Context;

const underBoundary: Given = ({ account }) => under(account);

/**
 * What a deploy changes by its name: of its own stage, and never of another. By statement, in the order of the policies. Nothing of
 * another stage may be in reach because a name was written too wide.
 */
const changes: readonly (readonly [action: string, resource: string, given?: Given])[] = [
  ["s3:PutObject", "s3:::sst-state-abcdef/app/postern/STAGE.json"],
  ["s3:PutObject", "s3:::sst-state-abcdef/snapshot/postern/STAGE/1.json"],
  ["ssm:PutParameter", "ssm:PLACE:parameter/sst/passphrase/postern/STAGE"],
  ["ssm:PutParameter", "ssm:PLACE:parameter/postern/STAGE/manifest"],
  ["cloudwatch:DeleteAlarms", "cloudwatch:PLACE:alarm:postern-STAGE-FailedRuns"],
  ["cloudwatch:PutMetricAlarm", "cloudwatch:PLACE:alarm:postern-STAGE-FailedRuns"],
  ["sns:DeleteTopic", "sns:PLACE:postern-STAGE-alarms"],
  ["sns:Unsubscribe", "sns:PLACE:postern-STAGE-alarms"],
  ["events:DeleteRule", "events:PLACE:rule/postern-STAGE-long-run-stops"],
  ["events:PutRule", "events:PLACE:rule/postern-STAGE-long-run-stops", () => ofTasks],
  [
    "events:PutTargets",
    "events:PLACE:rule/postern-STAGE-long-run-stops",
    ({ account }, own) => toTarget("logs", `log-group:/postern/${own}/long-run-stops`, account),
  ],
  ["lambda:UpdateFunctionCode", "lambda:PLACE:function:postern-STAGE-runner"],
  ["lambda:UpdateFunctionCode", "lambda:PLACE:function:postern-STAGE-inspect"],
  ["lambda:UpdateFunctionCode", "lambda:PLACE:function:postern-STAGE-health"],
  ["logs:DeleteLogGroup", "logs:PLACE:log-group:/aws/lambda/postern-STAGE-runner"],
  ["logs:DeleteLogGroup", "logs:PLACE:log-group:/aws/rds/instance/postern-STAGE/postgresql"],
  ["logs:DeleteLogGroup", "logs:PLACE:log-group:/aws/rds/proxy/postern-STAGE"],
  ["logs:DeleteLogGroup", "logs:PLACE:log-group:/aws/rds/proxy/postern-STAGE:log-stream:"],
  ["logs:DeleteLogGroup", "logs:PLACE:log-group:/postern/STAGE/long-runs"],
  ["ssm:UpdateDocument", "ssm:PLACE:document/postern-STAGE-tunnel"],
  ["ecs:DeleteCluster", "ecs:PLACE:cluster/postern-STAGE"],
  ["ecs:RegisterTaskDefinition", "ecs:PLACE:task-definition/postern-STAGE-long-run:7"],
  ["s3:PutBucketPolicy", "s3:::postern-STAGE-seeds-ACCOUNT-1"],
  ["s3:PutObject", "s3:::postern-STAGE-seeds-ACCOUNT-1/sets/demo.csv"],
  ["s3:PutBucketPolicy", "s3:::postern-STAGE-code-ACCOUNT-1"],
  ["s3:PutObject", "s3:::postern-STAGE-code-ACCOUNT-1/runner/1.tar.gz"],
  ["rds:ModifyDBInstance", "rds:PLACE:db:postern-STAGE"],
  ["rds:ModifyDBSubnetGroup", "rds:PLACE:subgrp:postern-STAGE"],
  ["rds:ModifyDBParameterGroup", "rds:PLACE:pg:postern-STAGE-postgres18-1"],
  ["rds:CreateDBSnapshot", "rds:PLACE:snapshot:postern-STAGE-final"],
  ["secretsmanager:UpdateSecret", "secretsmanager:PLACE:secret:postern/STAGE/migrator-AbCdEf"],
  [
    "iam:CreateRole",
    "iam::ACCOUNT:role/postern/STAGE/RunnerRole-1a2b",
    ({ account }, own) => ({
      ...under(account),
      "aws:RequestTag/postern:app": "postern",
      "aws:RequestTag/postern:stage": own,
    }),
  ],
  ["iam:PutRolePolicy", "iam::ACCOUNT:role/postern/STAGE/RunnerRole-1a2b", underBoundary],
  [
    "iam:AttachRolePolicy",
    "iam::ACCOUNT:role/postern/STAGE/MonitoringRole-1a2b",
    ({ account }) => ({
      ...under(account),
      "iam:PolicyARN": "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
    }),
  ],
  ["iam:UpdateAssumeRolePolicy", "iam::ACCOUNT:role/postern/STAGE/RunnerRole-1a2b"],
  ["iam:AddRoleToInstanceProfile", "iam::ACCOUNT:instance-profile/postern/STAGE/NatProfile-1a2b"],
  ["iam:TagRole", "iam::ACCOUNT:role/postern/STAGE/RunnerRole-1a2b", () => ({ "aws:RequestTag/Name": "x" })],
  ["iam:UntagRole", "iam::ACCOUNT:role/postern/STAGE/RunnerRole-1a2b", () => ({ "aws:TagKeys": ["Name"] })],
  [
    "iam:PassRole",
    "iam::ACCOUNT:role/postern/STAGE/RunnerRole-1a2b",
    () => ({ "iam:PassedToService": "lambda.amazonaws.com" }),
  ],
];

function rowsFor(as: Principal, own: string, other: string): readonly Row[] {
  const id = accountIds[as.account];
  return changes.flatMap(([action, resource, given]) => {
    const on = (stage: string) => {
      const name = resource.replace("STAGE", stage).replace("ACCOUNT", id).replace("PLACE", `eu-central-1:${id}`);
      const bucket = /^s3:::(.*)$/.exec(name)?.[1];
      return bucket === undefined
        ? { name: name.replace(/^\w+:[^:]*:\d*:/, ""), arn: `arn:aws:${name}` }
        : s3(bucket, as.account);
    };
    const context = given?.(as, own) ?? {};
    return [allow(as, action, on(own), "its own", context), deny(as, action, on(other), "other stage", context)];
  });
}

export const deployNameRows: readonly Row[] = [
  ...rowsFor(preview, "pr-7", "dev"),
  ...rowsFor(production, "production", "reports"),
  deny(
    preview,
    "sns:Unsubscribe",
    {
      name: "who is told of tunnels",
      arn: `arn:aws:sns:eu-central-1:${accountIds.development}:postern-access-tunnels`,
    },
    "not its topic",
  ),
  ...["s3:ListBucket", "s3:GetBucketLocation"].flatMap((action) => [
    allow(preview, action, { ...s3("sst-state-abcdef"), name: "SST's bucket" }, "where its state is"),
    deny(preview, action, { ...s3("shop-data"), name: "another bucket" }, "no stage's"),
    deny(
      preview,
      action,
      { ...s3("sst-state-abcdef", "production"), name: "SST's bucket of another account" },
      "a bucket of such a name may be anybody's",
    ),
  ]),
];
