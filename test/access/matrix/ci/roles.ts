import { accountIds, allow, deny, never, type Row } from "../row.ts";
import { iamRole as role, inDevelopment } from "../targets.ts";
import { boundaryArn, preview, under as underBoundary } from "./principals.ts";
import { giving } from "./tags.ts";

const boundary = boundaryArn("development");
const under = underBoundary("development");
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
  deny(preview, "iam:TagRole", own, "IAM takes it for the same in other case", {
    "aws:RequestTag/Postern:Stage": "dev",
  }),
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
  ...["rds", "ecs", "events"].map((service) =>
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
  never(
    preview,
    "iam:DeleteOpenIDConnectProvider",
    {
      name: "GitHub's provider",
      arn: `arn:aws:iam::${accountIds.development}:oidc-provider/token.actions.githubusercontent.com`,
    },
    "whom the baseline trusts",
  ),
  never(preview, "iam:CreatePolicyVersion", { name: "the boundary", arn: boundary }, "the boundary itself"),
  never(
    preview,
    "cloudformation:DeleteStack",
    inDevelopment("the baseline's stack", "cloudformation", "stack/postern-access-development-ci/1a2b"),
    "the baseline's stack",
  ),
  deny(
    preview,
    "cloudformation:DeleteStack",
    inDevelopment("another stack", "cloudformation", "stack/shop/1a2b"),
    "not for this to deny",
  ),
];
