import { appName, instanceIdentifier } from "#lib/contract.ts";
import { arn } from "../../arn.ts";
import { getsStageTag, hasStageTag, keepsStageTag, ofStages, type Scope } from "../place.ts";
import type { Statement } from "../../statement.ts";

/** The instance, its secrets and its proxy; names where RDS has them in its ARNs, tags for proxies, whose ids say nothing. */
export function mayMakeDatabase(scope: Scope): readonly Statement[] {
  const { account } = scope;
  return [
    {
      Sid: "Database",
      Effect: "Allow",
      Action: [
        "rds:AddTagsToResource",
        "rds:CreateDBInstance",
        "rds:CreateDBParameterGroup",
        "rds:CreateDBSnapshot",
        "rds:CreateDBSubnetGroup",
        "rds:DeleteDBInstance",
        "rds:DeleteDBParameterGroup",
        "rds:DeleteDBSubnetGroup",
        "rds:ListTagsForResource",
        "rds:ModifyDBInstance",
        "rds:ModifyDBParameterGroup",
        "rds:ModifyDBSubnetGroup",
        "rds:RebootDBInstance",
        "rds:RegisterDBProxyTargets",
        "rds:RemoveTagsFromResource",
        "rds:ResetDBParameterGroup",
        "rds:RestoreDBInstanceFromDBSnapshot",
      ],
      // To the letter, or up to a hyphen: `postern-dev*` would be the database of `dev2`, too.
      Resource: ["db:ID", "subgrp:ID", "pg:ID-*", "snapshot:ID-*"].flatMap((name) =>
        ofStages(scope, "rds", (stage) => name.replace("ID", instanceIdentifier(stage))),
      ),
    },
    {
      // RDS's own, which an instance has that names no other.
      // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/security_iam_id-based-policy-examples-create-and-modify-examples.html
      Sid: "DefaultOptions",
      Effect: "Allow",
      Action: ["rds:CreateDBInstance", "rds:ModifyDBInstance", "rds:RestoreDBInstanceFromDBSnapshot"],
      Resource: arn(account, "rds", "og:default:*"),
    },
    {
      Sid: "MakeProxy",
      Effect: "Allow",
      Action: ["rds:CreateDBProxy"],
      Resource: "*",
      Condition: getsStageTag(scope),
    },
    {
      Sid: "OwnProxy",
      Effect: "Allow",
      Action: [
        "rds:DeleteDBProxy",
        "rds:DeregisterDBProxyTargets",
        "rds:ListTagsForResource",
        "rds:ModifyDBProxy",
        "rds:RemoveTagsFromResource",
      ],
      Resource: arn(account, "rds", "db-proxy:*"),
      Condition: hasStageTag(scope),
    },
    {
      Sid: "TagOwnProxy",
      Effect: "Allow",
      Action: ["rds:AddTagsToResource"],
      Resource: arn(account, "rds", "db-proxy:*"),
      Condition: { ...hasStageTag(scope), ...keepsStageTag(scope) },
    },
    {
      // RDS makes it with the proxy and gives it neither name nor tags: these three reach every proxy of the account.
      Sid: "ProxyTargets",
      Effect: "Allow",
      Action: ["rds:DeregisterDBProxyTargets", "rds:ModifyDBProxyTargetGroup", "rds:RegisterDBProxyTargets"],
      Resource: arn(account, "rds", "target-group:*"),
    },
    {
      Sid: "LookUpDatabases",
      Effect: "Allow",
      Action: ["rds:Describe*"],
      Resource: "*",
    },
    {
      Sid: "Secrets",
      Effect: "Allow",
      Action: [
        "secretsmanager:CreateSecret",
        "secretsmanager:DeleteSecret",
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetResourcePolicy",
        "secretsmanager:TagResource",
        "secretsmanager:UntagResource",
        "secretsmanager:UpdateSecret",
      ],
      Resource: ofStages(scope, "secretsmanager", (stage) => `secret:${appName}/${stage}/*`),
    },
    {
      // RDS makes the master's with the rights of whoever makes the instance, and says on it whose it is; on a new one nothing is said.
      // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
      Sid: "MasterSecret",
      Effect: "Allow",
      Action: ["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
      Resource: arn(account, "secretsmanager", "secret:rds!db-*"),
      Condition: {
        ArnLikeIfExists: {
          "aws:ResourceTag/aws:rds:primaryDBInstanceArn": ofStages(
            scope,
            "rds",
            (stage) => `db:${instanceIdentifier(stage)}`,
          ),
        },
      },
    },
    {
      Sid: "MasterSecretKey",
      Effect: "Allow",
      Action: ["kms:DescribeKey"],
      Resource: arn(account, "kms", "key/*"),
    },
    {
      Sid: "ReadNoSecret",
      Effect: "Deny",
      Action: [
        "secretsmanager:GetSecretValue",
        "secretsmanager:BatchGetSecretValue",
        "secretsmanager:PutResourcePolicy",
      ],
      Resource: "*",
    },
  ];
}
