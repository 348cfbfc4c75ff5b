import { appName, doctorActions } from "#lib/contract.ts";
import { arn } from "../arn.ts";
import { ownStage } from "../own-stage.ts";
import type { Account } from "../settings.ts";
import type { Statement } from "../statement.ts";

/** Everybody may ask who he is: no policy is needed for it. */
const neverRefused = "sts:GetCallerIdentity";
const secrets = "secretsmanager:DescribeSecret";

/**
 * What the doctor asks the control plane: reads, none of which shows what is in a database or a secret. For most of them AWS
 * takes no resource, or answers lists: whoever has this sees how networks and databases of the whole account are set up.
 */
export function mayAskControlPlane(account: Account): readonly Statement[] {
  return [
    {
      Sid: "HowItIsSetUp",
      Effect: "Allow",
      Action: doctorActions.filter((action) => action !== neverRefused && action !== secrets),
      Resource: ["*"],
    },
    {
      Sid: "SecretsOfOwnStage",
      Effect: "Allow",
      Action: [secrets],
      Resource: [arn(account, "secretsmanager", `secret:${appName}/${ownStage}/*`)],
    },
  ];
}
