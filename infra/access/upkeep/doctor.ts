import { doctorActions, secretName } from "#lib/contract.ts";
import type { Account } from "../settings.ts";
import { arn } from "../arn.ts";
import { ownStage } from "../own-stage.ts";
import type { Statement } from "../statement.ts";

/** Everybody may ask who he is: no policy is needed for it. */
const neverRefused = "sts:GetCallerIdentity";

/**
 * What the doctor asks the control plane: reads, none of which shows what is in a database or a secret. For most of them AWS
 * takes no resource, or answers lists: whoever has this sees how networks and databases of the whole account are set up.
 */
export function mayAskControlPlane(account: Account): readonly Statement[] {
  const limited: Readonly<Record<string, string>> = {
    "secretsmanager:DescribeSecret": arn(
      account,
      "secretsmanager",
      `secret:${secretName(ownStage, "master").replace(/master$/, "*")}`,
    ),
    "logs:FilterLogEvents": arn(account, "logs", `log-group:/aws/rds/proxy/postern-${ownStage}:*`),
  };
  return [
    {
      Sid: "HowItIsSetUp",
      Effect: "Allow",
      Action: doctorActions.filter((action) => limited[action] === undefined && action !== neverRefused),
      Resource: ["*"],
    },
    ...doctorActions.flatMap((action) => {
      const resource = limited[action];
      return resource === undefined
        ? []
        : [{ Sid: action.replaceAll(/\W/g, ""), Effect: "Allow" as const, Action: [action], Resource: [resource] }];
    }),
  ];
}
