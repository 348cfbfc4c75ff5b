import { type CfnManagedPolicy, CfnRole } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import { accessPath, tagKeys } from "#lib/contract.ts";
import { breakGlassRoleName } from "./names.ts";
import type { Account } from "./settings.ts";
import { iamArn } from "./arn.ts";
import { protectedStages } from "./own-stage.ts";
import { type Conditions, policyDocument, type Statement } from "./statement.ts";

/** The shortest that IAM allows a role's longest session to be. */
const sessionSeconds = 3600;

/** How old the proof of a second factor may be. */
const maxMfaAgeSeconds = 900;

/** Of the permission set's role, made of its name by Identity Center: sixteen characters. */
const suffix = "?".repeat(16);

/**
 * A role for each protected stage, which is tagged with it: whoever takes it is, for an hour, an operator of that stage and of
 * no other. It is taken by name, so that CloudTrail says who broke which glass; users do it under their own name, which is then in
 * the report of each tunnel. People of Identity Center choose the session's name: who they are is in the event of taking the role alone.
 *
 * 1. Who may: the users and the permission set that the settings name; nobody where they name none.
 * 2. Users show a second factor, at most a quarter of an hour old. People of Identity Center have shown theirs there: AWS does
 *    not tell a role of it.
 * 3. No tags can be sent along (`sts:TagSession`): they would go before the role's own.
 */
export function declareBreakGlass(scope: Construct, account: Account, policies: readonly CfnManagedPolicy[]): void {
  const statements = trust(account);
  if (statements.length === 0) return;
  for (const stage of protectedStages(account)) {
    const name = breakGlassRoleName(stage);
    new CfnRole(scope, name, {
      roleName: name,
      path: accessPath,
      description: `To reach the protected stage ${stage}, when there is no other way.`,
      maxSessionDuration: sessionSeconds,
      assumeRolePolicyDocument: policyDocument(statements),
      managedPolicyArns: policies.map(({ ref }) => ref),
      tags: [{ key: tagKeys.stage, value: stage }],
    });
  }
}

function trust(account: Account): readonly Statement[] {
  const { users = [], permissionSet } = account.breakGlass ?? {};
  const withMfa: Conditions = {
    ArnEquals: { "aws:PrincipalArn": users.map((user) => iamArn(account, `user/${user}`)) },
    Bool: { "aws:MultiFactorAuthPresent": "true" },
    NumericLessThan: { "aws:MultiFactorAuthAge": String(maxMfaAgeSeconds) },
    StringEquals: { "sts:RoleSessionName": "${aws:username}" },
  };
  const fromPermissionSet: Conditions = {
    ArnLike: {
      // In its home region N. Virginia Identity Center leaves the region out.
      "aws:PrincipalArn": ["", "*/"].map((region) =>
        iamArn(account, `role/aws-reserved/sso.amazonaws.com/${region}AWSReservedSSO_${permissionSet}_${suffix}`),
      ),
    },
  };
  return [
    ...(users.length > 0 ? [mayTake(account, "UsersWithMfa", withMfa)] : []),
    ...(permissionSet === undefined ? [] : [mayTake(account, "PermissionSet", fromPermissionSet)]),
  ];
}

/** Anybody of the account whom his own policies let, and the condition. */
function mayTake(account: Account, sid: string, conditions: Conditions): Statement {
  return {
    Sid: sid,
    Effect: "Allow",
    Principal: { AWS: iamArn(account, "root") },
    Action: ["sts:AssumeRole"],
    Condition: conditions,
  };
}
