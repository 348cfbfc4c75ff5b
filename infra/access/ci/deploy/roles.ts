import { accessPath, stageRolePath, tagKeys } from "#lib/contract.ts";
import type { Statement } from "../../statement.ts";
import { arn, iamArn } from "../../arn.ts";
import { getsStageTag, keepsStageTag, type Scope } from "../place.ts";
import { githubIssuer } from "../trust.ts";

/** Whom the roles of a stage are for: `Service` in `infra/roles.ts`, and enhanced monitoring. */
const services = ["lambda", "ecs-tasks", "ec2", "rds", "monitoring.rds", "vpc-flow-logs"];

/** Roles that AWS makes once for an account, when something of the service is made first; `events` for alarms that bring an instance back. */
const serviceLinked = ["rds", "ecs", "events"];

const changesOfBaseline = [
  "Add",
  "Attach",
  "Create",
  "Delete",
  "Detach",
  "Pass",
  "Put",
  "Set",
  "Tag",
  "Untag",
  "Update",
].map((verb) => `iam:${verb}*`);

/**
 * The roles of a stage, by their path, and none without the boundary. What it lets be made may do no more than that
 * (`../boundary.ts`), whatever policy is put on it.
 */
export function mayMakeRoles(scope: Scope, boundaryArn: string): readonly Statement[] {
  const { account, stages } = scope;
  const underBoundary = { StringEquals: { "iam:PermissionsBoundary": boundaryArn } };
  const gets = getsStageTag(scope);
  const roles = stages.map((stage) => iamArn(account, `role${stageRolePath(stage)}*`));
  const profiles = stages.map((stage) => iamArn(account, `instance-profile${stageRolePath(stage)}*`));
  const baseline = [
    ...["role", "policy"].map((type) => iamArn(account, `${type}${accessPath}*`)),
    iamArn(account, `oidc-provider/${githubIssuer}`),
  ];
  return [
    {
      Sid: "MakeRoles",
      Effect: "Allow",
      Action: "iam:CreateRole",
      Resource: roles,
      Condition: { ...gets, StringEquals: { ...gets.StringEquals, ...underBoundary.StringEquals } },
    },
    {
      Sid: "RolesMayDo",
      Effect: "Allow",
      Action: ["iam:PutRolePolicy", "iam:DeleteRolePolicy"],
      Resource: roles,
      Condition: underBoundary,
    },
    {
      // The one policy of AWS's that a stage uses.
      Sid: "RolesMayMonitor",
      Effect: "Allow",
      Action: ["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
      Resource: roles,
      Condition: {
        ...underBoundary,
        ArnEquals: {
          "iam:PolicyARN": arn(account, "iam", "policy/service-role/AmazonRDSEnhancedMonitoringRole", {
            region: "",
            account: "aws",
          }),
        },
      },
    },
    {
      Sid: "KeepRoles",
      Effect: "Allow",
      Action: [
        "iam:DeleteRole",
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:ListInstanceProfilesForRole",
        "iam:ListRolePolicies",
        "iam:ListRoleTags",
        "iam:UpdateAssumeRolePolicy",
        "iam:UpdateRole",
        "iam:UpdateRoleDescription",
      ],
      Resource: roles,
    },
    {
      Sid: "KeepProfiles",
      Effect: "Allow",
      Action: [
        "iam:AddRoleToInstanceProfile",
        "iam:CreateInstanceProfile",
        "iam:DeleteInstanceProfile",
        "iam:GetInstanceProfile",
        "iam:ListInstanceProfileTags",
        "iam:RemoveRoleFromInstanceProfile",
        "iam:TagInstanceProfile",
        "iam:UntagInstanceProfile",
      ],
      Resource: profiles,
    },
    {
      Sid: "TagRoles",
      Effect: "Allow",
      Action: "iam:TagRole",
      Resource: roles,
      Condition: keepsStageTag(scope),
    },
    {
      // The boundary tells stages apart by one of them. IAM does not tell upper from lower case in their keys.
      Sid: "UntagRoles",
      Effect: "Allow",
      Action: "iam:UntagRole",
      Resource: roles,
      Condition: { "ForAllValues:StringNotEqualsIgnoreCase": { "aws:TagKeys": Object.values(tagKeys) } },
    },
    {
      Sid: "GiveRoles",
      Effect: "Allow",
      Action: "iam:PassRole",
      Resource: roles,
      Condition: { StringEquals: { "iam:PassedToService": services.map((name) => `${name}.amazonaws.com`) } },
    },
    {
      Sid: "ServiceLinkedRoles",
      Effect: "Allow",
      Action: "iam:CreateServiceLinkedRole",
      Resource: iamArn(account, "role/aws-service-role/*"),
      Condition: { StringEquals: { "iam:AWSServiceName": serviceLinked.map((name) => `${name}.amazonaws.com`) } },
    },
    {
      // Even where another policy would let it: what is here is changed by other people, in another stack.
      Sid: "LeaveTheBaseline",
      Effect: "Deny",
      Action: changesOfBaseline,
      Resource: baseline,
    },
    {
      Sid: "LeaveTheBoundary",
      Effect: "Deny",
      Action: ["iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"],
      Resource: "*",
    },
    {
      Sid: "LeaveTheStack",
      Effect: "Deny",
      Action: "cloudformation:*",
      Resource: arn(account, "cloudformation", "stack/postern-access-*"),
    },
  ];
}
