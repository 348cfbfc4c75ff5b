import { accountIds, allow, deny, type Principal, type Row, type Target } from "../row.ts";
import { iamRole, inDevelopment, lambda, secret } from "../targets.ts";

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
const logStream = (name: string) => inDevelopment(`log ${name}`, "logs", `log-group:${name}:log-stream:1`);
const seeds = (stage: string): Target => ({
  name: `seeds of ${stage}`,
  arn: `arn:aws:s3:::postern-${stage}-seeds-${accountIds.development}-eu-central-1/sets/demo.csv`,
});
const masterOf = (stage: string) => ({
  ...secret("rds!db-1"),
  name: `master's secret of ${stage}`,
  tags: {
    "aws:rds:primaryDBInstanceArn": `arn:aws:rds:eu-central-1:${accountIds.development}:db:postern-${stage}`,
  },
});
/** As keys are made: the account's own policies say who may use it. */
const key: Target = {
  ...inDevelopment("key", "kms", "key/1a2b"),
  policy: {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${accountIds.development}:root` },
        Action: "kms:*",
        Resource: "*",
      },
    ],
  },
};

export const boundaryRows: readonly Row[] = [
  allow(runner, "secretsmanager:GetSecretValue", secret("postern/pr-7/migrator"), "its stage's secret"),
  deny(runner, "secretsmanager:GetSecretValue", secret("postern/dev/migrator"), "other stage's"),
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
  allow(runner, "logs:PutLogEvents", logStream("/aws/lambda/postern-pr-7-runner"), "its stage's log"),
  allow(runner, "logs:PutLogEvents", logStream("/postern/pr-7/long-runs"), "its stage's log"),
  deny(runner, "logs:PutLogEvents", logStream("/aws/lambda/postern-dev-runner"), "other stage's"),
  deny(runner, "logs:PutLogEvents", logStream("/postern/dev/long-runs"), "other stage's"),
  deny(taggedOver, "logs:PutLogEvents", logStream("/postern/dev/long-runs"), "the session's tag alone"),
  allow(runner, "s3:GetObject", seeds("pr-7"), "its stage's seeds"),
  deny(runner, "s3:GetObject", seeds("dev"), "other stage's"),
  deny(taggedOver, "s3:GetObject", seeds("dev"), "the session's tag alone"),
  allow(runner, "kms:Decrypt", key, "through Secrets Manager", {
    "kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com",
  }),
  deny(runner, "kms:Decrypt", key, "by itself"),
  deny(runner, "iam:CreateUser", { name: "user x", arn: "arn:aws:iam::111111111111:user/x" }, "nothing of IAM"),
  deny(runner, "lambda:InvokeFunction", lambda("postern-pr-7-runner"), "no function asks another"),
  deny(runner, "sts:AssumeRole", iamRole("postern-access/PosternBreakGlass-production"), "no other role"),
];
