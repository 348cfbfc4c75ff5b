import { type RoleKey, roleNames, tagKeys } from "#lib/contract.ts";
import type { Account } from "../settings.ts";
import { arn } from "../arn.ts";
import type { Statement } from "../statement.ts";

/**
 * Logins with an IAM token, a statement for each stage whose database is known. `rds-db:connect` knows a database by its
 * resource id alone, which RDS makes up: no name, no tag, no other condition key. So that which database is whose stage's
 * cannot be read from the tags, and has to be said (`databaseId`).
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
 */
export function mayLogIn(account: Account, roles: readonly RoleKey[], stages: readonly string[]): readonly Statement[] {
  return stages.flatMap((stage): Statement[] => {
    const databaseId = account.stages[stage]?.databaseId;
    if (databaseId === undefined) return [];
    return [
      {
        // IAM takes no hyphens here, and no name twice; no stage has a capital.
        Sid: `LogInTo${stage.replaceAll("-", "X")}`,
        Effect: "Allow",
        Action: ["rds-db:connect"],
        Resource: roles.map((role) => arn(account, "rds-db", `dbuser:${databaseId}/${roleNames[role]}`)),
        Condition: { StringEquals: { [`aws:PrincipalTag/${tagKeys.stage}`]: stage } },
      },
    ];
  });
}
