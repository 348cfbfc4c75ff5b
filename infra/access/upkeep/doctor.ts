import { appName, doctorActions, proxyLogGroup, proxyName, tagKeys } from "#lib/contract.ts";
import { arn } from "../arn.ts";
import { glassRoles } from "../guard.ts";
import { ownStage, protectedStages } from "../own-stage.ts";
import type { Account } from "../settings.ts";
import type { Statement } from "../statement.ts";

/** Everybody may ask who he is: no policy is needed for it. */
const neverRefused = "sts:GetCallerIdentity";
const secrets = "secretsmanager:DescribeSecret";
const logs = "logs:FilterLogEvents";

/**
 * What the doctor asks the control plane: reads, none of which shows what is in a secret. For most of them AWS takes no resource,
 * or answers lists: whoever has this sees how networks and databases of the whole account are set up.
 */
export function mayAskControlPlane(account: Account): readonly Statement[] {
  return [
    {
      Sid: "HowItIsSetUp",
      Effect: "Allow",
      Action: doctorActions.filter((action) => action !== neverRefused && action !== secrets && action !== logs),
      Resource: ["*"],
    },
    {
      Sid: "SecretsOfOwnStage",
      Effect: "Allow",
      Action: [secrets],
      Resource: [arn(account, "secretsmanager", `secret:${appName}/${ownStage}/*`)],
    },
    ...mayReadProxyLog(account),
  ];
}

/**
 * With debug logging a proxy writes down the SQL of its clients. So that of a protected stage is read behind broken glass alone,
 * as the stage itself is reached.
 */
function mayReadProxyLog(account: Account): readonly Statement[] {
  const stages = protectedStages(account);
  const may = {
    Effect: "Allow",
    Action: [logs],
    // This end stands for the group itself: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
    Resource: [arn(account, "logs", `log-group:${proxyLogGroup(proxyName(ownStage))}:*`)],
  } as const;
  if (stages.length === 0) return [{ Sid: "ProxyLogOfOwnStage", ...may }];
  return [
    {
      Sid: "ProxyLogOfOwnStage",
      ...may,
      Condition: { StringNotEquals: { [`aws:PrincipalTag/${tagKeys.stage}`]: stages } },
    },
    { Sid: "ProxyLogBehindGlass", ...may, Condition: { ArnEquals: { "aws:PrincipalArn": glassRoles(account) } } },
  ];
}
