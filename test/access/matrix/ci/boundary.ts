import { carrySessionsActions } from "#lib/contract.ts";
import { accountIds, allow, deny, type Principal, type Row, type Target } from "../row.ts";
import { anything, ec2, iamRole, inDevelopment, lambda, secret } from "../targets.ts";
import { key } from "./key.ts";
import { migrate } from "./principals.ts";

/** A function's role with every right, under the boundary. */
function stageRole(stage?: string, path = stage): Principal {
  const whose = stage === undefined ? "role without a stage" : `role of ${stage}`;
  return {
    name: `${whose}${path === stage ? "" : `, below the path of ${path}`}, under the boundary`,
    account: "development",
    arn: `arn:aws:sts::${accountIds.development}:assumed-role/RunnerRole-1a2b/postern`,
    context: {
      "aws:PrincipalArn": `arn:aws:iam::${accountIds.development}:role/postern/${path}/RunnerRole-1a2b`,
      ...(stage === undefined ? {} : { "aws:PrincipalTag/postern:stage": stage }),
    },
    policies: [],
    beside: [{ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] }],
    boundary: "postern-boundary",
  };
}

const runner = stageRole("pr-7");
/** Taken with `sts:TagSession`, as its own trust policy may let somebody. */
const taggedOver = stageRole("dev", "pr-7");
const logGroup = (name: string) => inDevelopment(`log ${name}`, "logs", `log-group:${name}`);
const logStream = (name: string) => inDevelopment(`log ${name}`, "logs", `log-group:${name}:log-stream:1`);
const bucket = (stage: string, purpose: string): Target => ({
  name: `${purpose} of ${stage}`,
  arn: `arn:aws:s3:::postern-${stage}-${purpose}-${accountIds.development}-1a2b`,
});
const objectIn = (stage: string, purpose: string): Target => ({
  ...bucket(stage, purpose),
  arn: `${bucket(stage, purpose).arn}/sets/demo.csv`,
});
const masterOf = (stage: string) => ({
  ...secret("rds!db-1"),
  name: `master's secret of ${stage}`,
  tags: {
    "aws:rds:primaryDBInstanceArn": `arn:aws:rds:eu-central-1:${accountIds.development}:db:postern-${stage}`,
  },
});
const secretActions = [
  "secretsmanager:GetSecretValue",
  "secretsmanager:PutSecretValue",
  "secretsmanager:UpdateSecretVersionStage",
];
const ownLogs = [
  ...["runner", "inspect", "health"].map((part) => `/aws/lambda/postern-STAGE-${part}`),
  "/postern/STAGE/long-runs",
];

const ownRows: readonly Row[] = [
  ...secretActions.flatMap((action) => [
    allow(runner, action, secret("postern/pr-7/migrator"), "its stage's secret"),
    deny(runner, action, secret("postern/dev/migrator"), "other stage's"),
  ]),
  deny(stageRole(undefined, "pr-7"), "secretsmanager:GetSecretValue", secret("postern/pr-7/migrator"), "untagged"),
  allow(runner, "secretsmanager:GetSecretValue", masterOf("pr-7"), "its instance's master"),
  deny(runner, "secretsmanager:GetSecretValue", masterOf("dev"), "other instance's master"),
  ...[secret("postern/dev/migrator"), masterOf("dev")].map((one) =>
    deny(
      taggedOver,
      "secretsmanager:GetSecretValue",
      one,
      "a session's tag goes before the role's, but not before its path",
    ),
  ),
  ...["logs:CreateLogStream", "logs:PutLogEvents"].flatMap((action) =>
    ownLogs.flatMap((log) => [
      allow(runner, action, logStream(log.replace("STAGE", "pr-7")), "its stage's log"),
      deny(runner, action, logStream(log.replace("STAGE", "dev")), "other stage's"),
      deny(runner, action, logStream(log.replace("STAGE", "pr-7-eu")), "a stage whose name begins alike"),
    ]),
  ),
  allow(runner, "logs:DescribeLogStreams", logGroup("/postern/pr-7/flow-logs"), "its stage's log"),
  deny(runner, "logs:DescribeLogStreams", logGroup("/postern/dev/flow-logs"), "other stage's"),
  deny(taggedOver, "logs:PutLogEvents", logStream("/postern/dev/long-runs"), "the session's tag alone"),
  ...["seeds", "code"].flatMap((purpose) =>
    (
      [
        ["s3:ListBucket", bucket],
        ["s3:GetObject", objectIn],
      ] as const
    ).flatMap(([action, on]) => [
      allow(runner, action, on("pr-7", purpose), "its stage's"),
      deny(runner, action, on("dev", purpose), "other stage's"),
      deny(runner, action, on("pr-7-eu", purpose), "a stage whose name begins alike"),
      deny(taggedOver, action, on("dev", purpose), "the session's tag alone"),
    ]),
  ),
];

const monitoring = {
  "logs:CreateLogGroup": logGroup,
  "logs:PutRetentionPolicy": logGroup,
  "logs:CreateLogStream": logStream,
  "logs:PutLogEvents": logStream,
  "logs:DescribeLogStreams": logGroup,
  "logs:GetLogEvents": logStream,
};
const interfaces = {
  "ec2:AssignPrivateIpAddresses": ec2("network-interface/eni-1", {}),
  "ec2:CreateNetworkInterface": ec2("network-interface/eni-1", {}),
  "ec2:DeleteNetworkInterface": ec2("network-interface/eni-1", {}),
  "ec2:DescribeNetworkInterfaces": anything,
  "ec2:DescribeSubnets": anything,
  "ec2:UnassignPrivateIpAddresses": ec2("network-interface/eni-1", {}),
};

/** What has no stage: every role of every stage may ask for it, where its policy lets it. */
const commonRows: readonly Row[] = [
  ...Object.entries(monitoring).flatMap(([action, on]) => [
    allow(runner, action, on("RDSOSMetrics"), "enhanced monitoring has one log for all instances"),
    deny(runner, action, on("/shop/app"), "another log"),
  ]),
  ...Object.entries(interfaces).flatMap(([action, on]) => [
    allow(runner, action, on, "functions in a VPC"),
    deny(migrate, action, on, "not needed for migrations"),
  ]),
  ...carrySessionsActions.flatMap((action) => {
    const on = action === "ssm:UpdateInstanceInformation" ? ec2("instance/i-1", {}) : anything;
    return [allow(runner, action, on, "a bastion carries sessions"), deny(migrate, action, on, "it carries none")];
  }),
  allow(runner, "kms:Decrypt", key, "through Secrets Manager", {
    "kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com",
  }),
  deny(runner, "kms:Decrypt", key, "by itself"),
];

export const boundaryRows: readonly Row[] = [
  ...ownRows,
  ...commonRows,
  deny(runner, "iam:CreateUser", { name: "user x", arn: "arn:aws:iam::111111111111:user/x" }, "nothing of IAM"),
  deny(runner, "lambda:InvokeFunction", lambda("postern-pr-7-runner"), "no function asks another"),
  deny(runner, "sts:AssumeRole", iamRole("postern-access/PosternBreakGlass-production"), "no other role"),
];
