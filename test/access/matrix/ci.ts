import { boundaryArn, migrate, preview, production, under as underBoundary } from "./ci-principals.ts";
import { accountIds, allow, deny, never, type Principal, type Row, type Target } from "./row.ts";
import { anything, ec2, iamRole, lambda, parameter, secret } from "./targets.ts";

function tags(stage: string, app = "postern") {
  return { "postern:app": app, "postern:stage": stage };
}

/** Tags that a request gives to what it makes. */
function giving(stage: string, app = "postern") {
  return Object.fromEntries(Object.entries(tags(stage, app)).map(([key, value]) => [`aws:RequestTag/${key}`, value]));
}

function target(name: string, service: string, resource: string, own?: Readonly<Record<string, string>>): Target {
  const arn = `arn:aws:${service}:eu-central-1:${accountIds.development}:${resource}`;
  return { name, arn, ...(own === undefined ? {} : { tags: own }) };
}

function object(key: string): Target {
  return { name: `state ${key}`, arn: `arn:aws:s3:::sst-state-abcdef/${key}` };
}

const made = {
  CreateVpc: "vpc/vpc-1",
  CreateSubnet: "subnet/subnet-1",
  CreateRouteTable: "route-table/rtb-1",
  CreateInternetGateway: "internet-gateway/igw-1",
  AllocateAddress: "elastic-ip/eipalloc-1",
  CreateSecurityGroup: "security-group/sg-1",
  AuthorizeSecurityGroupIngress: "security-group-rule/sgr-1",
  AuthorizeSecurityGroupEgress: "security-group-rule/sgr-1",
  CreateVpcEndpoint: "vpc-endpoint/vpce-1",
  CreateFlowLogs: "vpc-flow-log/fl-1",
  RunInstances: "instance/i-1",
  ImportKeyPair: "key-pair/key-1",
};

const deployNetwork = Object.entries(made).flatMap(([action, resource]): Row[] => [
  allow(preview, `ec2:${action}`, ec2(resource, {}), "made with a preview's tags", giving("pr-7")),
  deny(preview, `ec2:${action}`, ec2(resource, {}), "made with another stage's tags", giving("dev")),
  deny(preview, `ec2:${action}`, ec2(resource, {}), "made for another app", giving("pr-7", "shop")),
]);

const ofPreview = tags("pr-7");
const ofDev = tags("dev");
const ofShop = tags("pr-7", "shop");

export const deployNetworkRows: readonly Row[] = [
  ...deployNetwork,
  allow(preview, "ec2:CreateSubnet", ec2("vpc/vpc-1", ofPreview), "in its own VPC", giving("pr-7")),
  deny(preview, "ec2:CreateSubnet", ec2("vpc/vpc-1", ofDev), "in another stage's VPC", giving("pr-7")),
  ...(
    [
      ["CreateRouteTable", "vpc/vpc-1"],
      ["CreateSecurityGroup", "vpc/vpc-1"],
      ["CreateVpcEndpoint", "vpc/vpc-1"],
      ["CreateFlowLogs", "vpc/vpc-1"],
      ["AuthorizeSecurityGroupIngress", "security-group/sg-1"],
      ["AuthorizeSecurityGroupEgress", "security-group/sg-1"],
      ["RunInstances", "subnet/subnet-1"],
      ["RunInstances", "security-group/sg-1"],
    ] as const
  ).map(([action, resource]) =>
    deny(preview, `ec2:${action}`, ec2(resource, ofDev), "what it makes is put into no other stage's", giving("pr-7")),
  ),
  allow(preview, "ec2:RunInstances", ec2("network-interface/eni-1", {}), "goes with the instance", giving("pr-7")),
  allow(preview, "ec2:TerminateInstances", ec2("instance/i-1", ofPreview), "its own"),
  deny(preview, "ec2:TerminateInstances", ec2("instance/i-1", ofDev), "other stage"),
  deny(preview, "ec2:TerminateInstances", ec2("instance/i-1", ofShop), "other app"),
  deny(preview, "ec2:TerminateInstances", ec2("instance/i-1", {}), "untagged"),
  deny(
    production,
    "ec2:TerminateInstances",
    { ...ec2("instance/i-1", tags("reports"), "production") },
    "other protected stage",
  ),
  allow(production, "ec2:TerminateInstances", { ...ec2("instance/i-1", tags("production"), "production") }, "its own"),
  ...Object.entries(made).map(([action, resource]) =>
    allow(preview, "ec2:CreateTags", ec2(resource, {}), "as it makes it", {
      ...giving("pr-7"),
      "ec2:CreateAction": action,
    }),
  ),
  deny(preview, "ec2:CreateTags", ec2("vpc/vpc-1", ofDev), "takes over what another stage has", giving("pr-7")),
  deny(preview, "ec2:CreateTags", ec2("vpc/vpc-1", {}), "as it makes it, for another stage", {
    ...giving("dev"),
    "ec2:CreateAction": "CreateVpc",
  }),
  deny(preview, "ec2:CreateTags", ec2("vpc/vpc-1", {}), "as it makes it, for another app", {
    ...giving("pr-7", "shop"),
    "ec2:CreateAction": "CreateVpc",
  }),
  allow(preview, "ec2:CreateTags", ec2("vpc/vpc-1", ofPreview), "another tag on its own", {
    "aws:RequestTag/Name": "x",
  }),
  deny(preview, "ec2:CreateTags", ec2("vpc/vpc-1", ofPreview), "gives its own to another stage", giving("dev")),
  deny(preview, "ec2:CreateTags", ec2("vpc/vpc-1", ofShop), "other app", { "aws:RequestTag/Name": "x" }),
  deny(preview, "ec2:CreateTags", ec2("vpc/vpc-1", ofDev), "other stage", { "aws:RequestTag/Name": "x" }),
];

const group = (own: Readonly<Record<string, string>>) => ec2("security-group/sg-1", own);

/** The group that AWS makes with a VPC has no tags. */
export const defaultGroupRows: readonly Row[] = [
  allow(preview, "ec2:RevokeSecurityGroupIngress", group({}), "a VPC's default group is emptied"),
  allow(preview, "ec2:RevokeSecurityGroupEgress", group({}), "a VPC's default group is emptied"),
  deny(preview, "ec2:RevokeSecurityGroupIngress", group(ofDev), "other stage"),
  deny(preview, "ec2:RevokeSecurityGroupEgress", group(ofShop), "other app"),
  deny(preview, "ec2:AuthorizeSecurityGroupIngress", group({}), "nothing is opened in it", giving("pr-7")),
  allow(preview, "ec2:CreateTags", group({}), "then it is tagged", giving("pr-7")),
  deny(preview, "ec2:CreateTags", group({}), "for another stage", giving("dev")),
  deny(preview, "ec2:CreateTags", group({}), "for another app", giving("pr-7", "shop")),
  deny(preview, "ec2:CreateTags", group(ofDev), "other stage's group", giving("pr-7")),
  deny(preview, "ec2:CreateTags", ec2("vpc/vpc-1", {}), "nothing else without tags is taken over", giving("pr-7")),
];

const proxy = (own?: Readonly<Record<string, string>>) =>
  target(
    own === undefined ? "new proxy" : `proxy of ${own["postern:app"]}, ${own["postern:stage"]}`,
    "rds",
    "db-proxy:prx-1",
    own,
  );
const namespace = (own: Readonly<Record<string, string>>) =>
  target(`namespace of ${own["postern:app"]}, ${own["postern:stage"]}`, "servicediscovery", "namespace/ns-1", own);

export const deployRows: readonly Row[] = [
  allow(preview, "s3:PutObject", object("app/postern/pr-7.json"), "its own state"),
  deny(preview, "s3:PutObject", object("app/postern/production.json"), "other stage's state"),
  deny(preview, "s3:GetObject", object("app/shop/pr-7.json"), "other app's state"),
  deny(production, "s3:GetObject", object("app/postern/reports.json"), "other stage's state"),
  allow(preview, "ssm:GetParameter", parameter("/sst/passphrase/postern/pr-7"), "its own passphrase"),
  deny(preview, "ssm:GetParameter", parameter("/sst/passphrase/postern/dev"), "other stage's passphrase"),
  deny(preview, "ssm:PutParameter", parameter("/sst/bootstrap"), "where all state is, is not its to say"),
  allow(preview, "lambda:UpdateFunctionCode", lambda("postern-pr-7-runner"), "its own function"),
  deny(preview, "lambda:UpdateFunctionCode", lambda("postern-dev-runner"), "other stage"),
  deny(preview, "lambda:UpdateFunctionCode", lambda("shop-pr-7-runner"), "other app"),
  deny(preview, "lambda:UpdateFunctionCode", lambda("postern-pr-7-other"), "no function of a stage"),
  allow(preview, "rds:DeleteDBInstance", target("database of pr-7", "rds", "db:postern-pr-7"), "its own database"),
  deny(preview, "rds:DeleteDBInstance", target("database of dev", "rds", "db:postern-dev"), "other stage"),
  ...["db:", "subgrp:", "pg:", "snapshot:"].map((type) =>
    deny(
      production,
      "rds:AddTagsToResource",
      { name: `${type}postern-production2`, arn: `arn:aws:rds:eu-central-1:222222222222:${type}postern-production2` },
      "a stage whose name begins alike",
    ),
  ),
  allow(
    preview,
    "rds:CreateDBInstance",
    target("RDS's option group", "rds", "og:default:postgres-18"),
    "an instance names it",
  ),
  deny(preview, "rds:CreateDBInstance", target("another option group", "rds", "og:shop"), "somebody else's"),
  allow(preview, "rds:CreateDBProxy", anything, "made with a preview's tags", giving("pr-7")),
  deny(preview, "rds:CreateDBProxy", anything, "made with another stage's tags", giving("dev")),
  deny(preview, "rds:CreateDBProxy", anything, "made for another app", giving("pr-7", "shop")),
  allow(preview, "rds:DeleteDBProxy", proxy(ofPreview), "its own proxy"),
  deny(preview, "rds:DeleteDBProxy", proxy(ofDev), "other stage"),
  deny(preview, "rds:DeleteDBProxy", proxy(ofShop), "other app"),
  deny(
    preview,
    "rds:AddTagsToResource",
    target("database shop, tagged as a preview's", "rds", "db:shop", ofPreview),
    "tags are for proxies alone",
  ),
  deny(preview, "rds:RegisterDBProxyTargets", target("database shop", "rds", "db:shop"), "no stage's database"),
  allow(preview, "servicediscovery:CreatePrivateDnsNamespace", anything, "made with a preview's tags", giving("pr-7")),
  deny(
    preview,
    "servicediscovery:CreatePrivateDnsNamespace",
    anything,
    "made with another stage's tags",
    giving("dev"),
  ),
  deny(preview, "servicediscovery:CreatePrivateDnsNamespace", anything, "made for another app", giving("pr-7", "shop")),
  allow(preview, "servicediscovery:DeleteNamespace", namespace(ofPreview), "its own"),
  deny(preview, "servicediscovery:DeleteNamespace", namespace(ofDev), "other stage"),
  deny(preview, "servicediscovery:DeleteNamespace", namespace(ofShop), "other app"),
  allow(preview, "secretsmanager:CreateSecret", secret("postern/pr-7/app"), "its own secret, without a value"),
  deny(preview, "secretsmanager:CreateSecret", secret("postern/dev/app"), "other stage"),
  deny(preview, "secretsmanager:DeleteSecret", secret("postern/dev/app"), "other stage"),
  never(preview, "secretsmanager:GetSecretValue", secret("postern/pr-7/app"), "no secret is read, its own neither"),
  never(
    production,
    "secretsmanager:GetSecretValue",
    { ...secret("rds!db-1", "production") },
    "least of all the master's",
  ),
];

const boundary = boundaryArn("development");
const under = underBoundary("development");
const role = (path: string) => iamRole(path);
const own = role("postern/pr-7/RunnerRole-1a2b");

export const deployRoleRows: readonly Row[] = [
  allow(preview, "iam:CreateRole", own, "under the boundary, with its tags", { ...under, ...giving("pr-7") }),
  deny(preview, "iam:CreateRole", own, "no boundary", giving("pr-7")),
  deny(preview, "iam:CreateRole", own, "another boundary", {
    "iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess",
    ...giving("pr-7"),
  }),
  deny(preview, "iam:CreateRole", own, "tagged as another stage's, whose secrets the boundary would let it read", {
    ...under,
    ...giving("dev"),
  }),
  deny(preview, "iam:CreateRole", own, "tagged for another app", { ...under, ...giving("pr-7", "shop") }),
  deny(preview, "iam:CreateRole", role("postern/dev/RunnerRole-1a2b"), "below another stage's path", {
    ...under,
    ...giving("pr-7"),
  }),
  deny(preview, "iam:CreateRole", role("anything"), "below no path", { ...under, ...giving("pr-7") }),
  allow(preview, "iam:PutRolePolicy", own, "a role under the boundary", under),
  deny(preview, "iam:PutRolePolicy", own, "a role that is not under it"),
  allow(preview, "iam:AttachRolePolicy", own, "enhanced monitoring's", {
    ...under,
    "iam:PolicyARN": "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
  }),
  deny(preview, "iam:AttachRolePolicy", own, "another policy of AWS's", {
    ...under,
    "iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess",
  }),
  deny(preview, "iam:AttachRolePolicy", own, "a role that is not under the boundary", {
    "iam:PolicyARN": "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
  }),
  allow(preview, "iam:TagRole", own, "another tag", { "aws:RequestTag/Name": "x" }),
  deny(preview, "iam:TagRole", own, "gives it to another stage", { "aws:RequestTag/postern:stage": "dev" }),
  allow(preview, "iam:UntagRole", own, "another tag", { "aws:TagKeys": ["Name"] }),
  ...["postern:app", "postern:stage", "postern:part", "Postern:Stage"].map((tag) =>
    deny(preview, "iam:UntagRole", own, "whose it is stays on it", { "aws:TagKeys": ["Name", tag] }),
  ),
  ...["lambda", "ecs-tasks", "ec2", "rds", "monitoring.rds", "vpc-flow-logs"].map((service) =>
    allow(preview, "iam:PassRole", own, "to a service that a stage uses", {
      "iam:PassedToService": `${service}.amazonaws.com`,
    }),
  ),
  deny(preview, "iam:PassRole", own, "to another service", { "iam:PassedToService": "cloudformation.amazonaws.com" }),
  deny(preview, "iam:PassRole", role("postern/dev/RunnerRole-1a2b"), "other stage's role", {
    "iam:PassedToService": "lambda.amazonaws.com",
  }),
  never(preview, "iam:PassRole", role("postern-access/PosternBreakGlass-production"), "the baseline's role", {
    "iam:PassedToService": "lambda.amazonaws.com",
  }),
  ...["rds", "ecs"].map((service) =>
    allow(
      preview,
      "iam:CreateServiceLinkedRole",
      role(`aws-service-role/${service}.amazonaws.com/AWSServiceRole`),
      "of a service that a stage uses",
      { "iam:AWSServiceName": `${service}.amazonaws.com` },
    ),
  ),
  deny(
    preview,
    "iam:CreateServiceLinkedRole",
    role("aws-service-role/sso.amazonaws.com/AWSServiceRoleForSSO"),
    "of another service",
    { "iam:AWSServiceName": "sso.amazonaws.com" },
  ),
  never(preview, "iam:DeleteRolePermissionsBoundary", own, "boundary taken off"),
  never(preview, "iam:PutRolePermissionsBoundary", own, "boundary exchanged", under),
  never(preview, "iam:UpdateAssumeRolePolicy", role("postern-access/postern-access-ci-preview"), "itself"),
  never(preview, "iam:AttachRolePolicy", role("postern-access/postern-access-ci-preview"), "itself", {
    "iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess",
  }),
  never(preview, "iam:CreatePolicyVersion", { name: "the boundary", arn: boundary }, "the boundary itself"),
  never(
    preview,
    "cloudformation:DeleteStack",
    target("the baseline's stack", "cloudformation", "stack/postern-access-development-ci/1a2b"),
    "the baseline's stack",
  ),
  deny(
    preview,
    "cloudformation:DeleteStack",
    target("another stack", "cloudformation", "stack/shop/1a2b"),
    "not for this to deny",
  ),
];

export const migrateJobRows: readonly Row[] = [
  allow(migrate, "lambda:InvokeFunction", lambda("postern-production-runner", "production"), "the approved plan"),
  allow(
    migrate,
    "ssm:GetParameter",
    parameter("/postern/production/manifest", "production"),
    "names of the stage's parts",
  ),
  deny(migrate, "lambda:InvokeFunction", lambda("postern-reports-runner", "production"), "other stage"),
  deny(migrate, "lambda:InvokeFunction", lambda("postern-production-health", "production"), "another function"),
  deny(migrate, "lambda:UpdateFunctionCode", lambda("postern-production-runner", "production"), "it deploys nothing"),
  deny(
    migrate,
    "secretsmanager:GetSecretValue",
    secret("postern/production/migrator", "production"),
    "it reads no secret",
  ),
];

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
const logStream = (name: string) => target(`log ${name}`, "logs", `log-group:${name}:log-stream:1`);
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
  ...target("key", "kms", "key/1a2b"),
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
  deny(runner, "sts:AssumeRole", role("postern-access/PosternBreakGlass-production"), "no other role"),
];
