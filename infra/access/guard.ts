import { accessPath, appName, functionName, tagKeys, tunnelDocumentName } from "#lib/contract.ts";
import { breakGlassRoleName } from "./names.ts";
import type { Account } from "./settings.ts";
import { arn, iamArn } from "./arn.ts";
import { protectedStages } from "./own-stage.ts";
import type { Conditions, Statement } from "./statement.ts";

/**
 * What no person may do, whatever other policies he has. It is in each policy for people, so that none can be given without:
 *
 * 1. No login that is a service's or the master's is read.
 * 2. The tags that say who may do what are changed by nobody whom they are about.
 * 3. What a tunnel's document says is changed by nobody who opens tunnels.
 * 4. A protected stage is reached by breaking glass alone; with a policy that is not for that, not at all.
 */
export function guard(
  account: Account,
  { withBrokenGlass }: { readonly withBrokenGlass: boolean },
): readonly Statement[] {
  const unless = withBrokenGlass ? unlessGlassIsBroken(account) : {};
  return [noServiceLogins(account), noTags, noTagsAtOnce, noDocuments(account), ...noProtectedStages(account, unless)];
}

/** RDS names the secrets that it manages `rds!…`, the master's among them. */
function noServiceLogins(account: Account): Statement {
  return {
    Sid: "NoServiceLogins",
    Effect: "Deny",
    Action: ["secretsmanager:GetSecretValue"],
    Resource: [
      arn(account, "secretsmanager", "secret:rds!*", { region: "*" }),
      arn(account, "secretsmanager", `secret:${appName}/*`, { region: "*" }),
    ],
  };
}

/** IAM does not tell upper from lower case in the keys of its tags. */
const noTags: Statement = {
  Sid: "NoTags",
  Effect: "Deny",
  Action: [
    "ec2:CreateTags",
    "ec2:DeleteTags",
    "iam:TagRole",
    "iam:TagUser",
    "iam:UntagRole",
    "iam:UntagUser",
    "ssm:AddTagsToResource",
    "ssm:RemoveTagsFromResource",
    "sts:TagSession",
  ],
  Resource: ["*"],
  Condition: { "ForAnyValue:StringEqualsIgnoreCase": { "aws:TagKeys": Object.values(tagKeys) } },
};

/**
 * EC2 takes away every tag where a request names none, so that no key is there to be compared.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html
 */
const noTagsAtOnce: Statement = {
  Sid: "NoTagsAtOnce",
  Effect: "Deny",
  Action: ["ec2:DeleteTags"],
  Resource: ["*"],
  Condition: { Null: { "aws:TagKeys": "true", [`aws:ResourceTag/${tagKeys.stage}`]: "false" } },
};

function noDocuments(account: Account): Statement {
  return {
    Sid: "NoDocuments",
    Effect: "Deny",
    Action: [
      "ssm:CreateDocument",
      "ssm:DeleteDocument",
      "ssm:ModifyDocumentPermission",
      "ssm:UpdateDocument",
      "ssm:UpdateDocumentDefaultVersion",
    ],
    Resource: [arn(account, "ssm", `document/${tunnelDocumentName("*")}`, { region: "*" })],
  };
}

function noProtectedStages(account: Account, unless: Conditions): readonly Statement[] {
  const stages = protectedStages(account);
  if (stages.length === 0) return [];
  const names = stages.flatMap((stage) => namedParts(account, stage));
  return [
    {
      Sid: "NoProtectedStage",
      Effect: "Deny",
      Action: [
        "ecs:ExecuteCommand",
        "ecs:RunTask",
        // An older name of invoking, still taken.
        "lambda:InvokeAsync",
        "lambda:InvokeFunction",
        "rds-db:connect",
        "ssm:StartSession",
      ],
      Resource: names,
      ...(Object.keys(unless).length === 0 ? {} : { Condition: unless }),
    },
    {
      // What sessions and commands lead to has no name: its tags say whose it is.
      Sid: "NoProtectedBastion",
      Effect: "Deny",
      Action: ["ssm:SendCommand", "ssm:StartSession"],
      Resource: ["*"],
      Condition: { ...unless, StringEquals: { [`ssm:resourceTag/${tagKeys.stage}`]: stages } },
    },
  ];
}

function namedParts(account: Account, stage: string): string[] {
  const databaseId = account.stages[stage]?.databaseId;
  // A function is asked for by a version or an alias as well (`…:$LATEST`), which makes another ARN.
  const functions = (["runner", "inspect"] as const).flatMap((part) => {
    const own = arn(account, "lambda", `function:${functionName(stage, part)}`);
    return [own, `${own}:*`];
  });
  return [
    arn(account, "ssm", `document/${tunnelDocumentName(stage)}`),
    ...functions,
    arn(account, "ecs", `task-definition/${appName}-${stage}-long-run:*`),
    arn(account, "ecs", `task/${appName}-${stage}/*`),
    ...(databaseId === undefined ? [] : [arn(account, "rds-db", `dbuser:${databaseId}/*`)]),
  ];
}

export function unlessGlassIsBroken(account: Account): Conditions {
  return { ArnNotEquals: { "aws:PrincipalArn": glassRoles(account) } };
}

/** The ARNs of the roles, not of sessions: they are the same for everybody who took one. */
export function glassRoles(account: Account): readonly string[] {
  return protectedStages(account).map((stage) => iamArn(account, `role${accessPath}${breakGlassRoleName(stage)}`));
}
